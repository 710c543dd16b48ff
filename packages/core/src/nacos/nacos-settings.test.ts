import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { watchNacosSettings } from './nacos-settings.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Watches a document that `put` replaces; an Error stands for a server that is away. */
async function watching(first: string | undefined | Error) {
  let document = first
  const warnings: string[] = []
  let changes = 0
  const config = async () => {
    if (document instanceof Error) throw document
    return document
  }
  const settings = watchNacosSettings({ config }, { group: 'G', dataId: 'd' }, (text) => void warnings.push(text))
  settings.subscribe(() => changes++)
  await vi.advanceTimersByTimeAsync(0)
  const put = async (next: typeof document) => {
    document = next
    await vi.advanceTimersByTimeAsync(10_000)
  }
  return { values: () => settings.values(), warnings, changes: () => changes, put, close: () => settings.close() }
}

test('values follow the document, and go with it', async () => {
  const watched = await watching('{"retryMax":7}')
  expect(watched.values()).toEqual({ retryMax: 7 })
  await watched.put('{"retryMax":8,"logLevel":"debug"}')
  expect(watched.values()).toEqual({ retryMax: 8, logLevel: 'debug' })
  await watched.put('{ "logLevel": "debug", "retryMax": 8 }')
  await watched.put(undefined)
  expect(watched.values()).toEqual({})
  await watched.put('{"retryMax":1}')
  watched.close()
  await watched.put('{"retryMax":2}')
  expect(watched.values()).toEqual({ retryMax: 1 })
  expect(watched.warnings).toEqual([])
})

test('what is no setting, or has a value that does not fit, is left out and told once', async () => {
  const watched = await watching('{"retryMax":"many","unheardOf":1,"__proto__":{"x":1},"sendingPaused":true}')
  expect(watched.values()).toEqual({ sendingPaused: true })
  expect(watched.warnings).toEqual([
    expect.stringMatching(/^system config 'retryMax' in Nacos is left out: it must be integer/),
    "system config 'unheardOf' in Nacos is left out: it is no system config",
    "system config '__proto__' in Nacos is left out: it is no system config",
  ])
  await watched.put('{"retryMax":"many","unheardOf":1,"__proto__":{"x":1},"sendingPaused":true}')
  expect(watched.warnings).toHaveLength(3)
})

test('while the server is away, or the text is no JSON object, the values stay as they were', async () => {
  const watched = await watching('{"retryMax":7}')
  for (const broken of ['retryMax: 8', '[]', 'null', new Error('away')]) {
    await watched.put(broken)
    expect(watched.values()).toEqual({ retryMax: 7 })
  }
  expect(watched.warnings).toHaveLength(4)
  expect(watched.changes()).toBe(1)
  await watched.put('{"retryMax":9}')
  expect(watched.values()).toEqual({ retryMax: 9 })
})
