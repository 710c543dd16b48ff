import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { EnvError, readEnv } from '../settings/env.ts'
import { openLogger } from './open-logger.ts'

const MB = 1024 * 1024

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-file-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** A process that opens its log and runs `body`, in which `log(i)` writes a line of 1 KB. */
function script(body: string, keep = 14): string[] {
  const env = { logFile: join(folder, 'deep', 'mc.log'), logLevel: 'info', logFileMaxMb: 1, logFileKeep: keep }
  const code = `
    const { openLogger } = await import(${JSON.stringify(new URL('./open-logger.ts', import.meta.url).href)})
    const logger = await openLogger('message-center-worker', ${JSON.stringify(env)})
    const log = (i) => logger.info({ i, filler: 'x'.repeat(900) }, 'line')
    const pause = () => new Promise((resolve) => setImmediate(resolve))
    ${body}`
  return ['--input-type=module', '-e', code]
}

const files = () =>
  readdirSync(join(folder, 'deep'))
    .filter((name) => name.endsWith('.log'))
    .map((name) => join(folder, 'deep', name))
const numberOf = (file: string) => Number(/(\d+)\.log$/.exec(file)?.[1])
const linesOf = (list: string[]) =>
  list
    .toSorted((a, b) => numberOf(a) - numberOf(b))
    .flatMap((file) => readFileSync(file, 'utf8').trim().split('\n'))
    .map((line) => JSON.parse(line).i)

test('a process killed with -9 has every line in its files, none above the size by more than what a moment brings', async () => {
  const child = spawn(
    process.execPath,
    script(`for (let i = 0; i < 3000; i++) { log(i); if (i % 50 === 0) await pause() }
      process.kill(process.pid, 'SIGKILL')`),
    { stdio: 'ignore' },
  )
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
  expect(files()).toHaveLength(3)
  for (const file of files()) expect(statSync(file).size).toBeLessThan(1.1 * MB)
  expect(linesOf(files())).toEqual(Array.from({ length: 3000 }, (_, index) => index))
})

test('of ended files as many are kept as LOG_FILE_KEEP says', () => {
  execFileSync(
    process.execPath,
    script(`for (let i = 0; i < 6000; i++) { log(i); if (i % 50 === 0) await pause() }`, 2),
    {
      stdio: 'ignore',
    },
  )
  expect(files()).toHaveLength(3)
  expect(linesOf(files()).at(-1)).toBe(5999)
})

test('processes beside each other write a file each, and the next one goes on with the first name', async () => {
  const running = ['a', 'b', 'c'].map(() => {
    const child = spawn(
      process.execPath,
      script(`process.on('SIGTERM', () => { log(1); process.exit() }); log(0)
      setInterval(() => {}, 1000)`),
    )
    return { child, ready: once(child.stdout, 'data'), ended: once(child, 'exit') }
  })
  await Promise.all(running.map(({ ready }) => ready))
  for (const { child } of running) child.kill('SIGTERM')
  await Promise.all(running.map(({ ended }) => ended))
  const written = files().map((file) => ({ name: /mc\.(.+?)\.\d{4}-/.exec(file)?.[1], lines: linesOf([file]) }))
  expect(written.toSorted((one, other) => String(one.name).localeCompare(String(other.name)))).toEqual([
    { name: 'worker', lines: [0, 1] },
    { name: 'worker-2', lines: [0, 1] },
    { name: 'worker-3', lines: [0, 1] },
  ])
  execFileSync(process.execPath, script('log(2)'), { stdio: 'ignore' })
  expect(files()).toHaveLength(3)
  expect(linesOf(files().filter((file) => file.includes('worker.')))).toEqual([0, 1, 2])
})

test('a folder that cannot be made stops the start with one line that names LOG_FILE', async () => {
  writeFileSync(join(folder, 'file'), '')
  const opening = openLogger('message-center-api', { ...ENV, logFile: join(folder, 'file', 'mc.log') })
  await expect(opening).rejects.toThrow(EnvError)
  await expect(opening).rejects.toThrow(/^LOG_FILE .+$/)
})

test('a new day begins a new file', async () => {
  vi.useFakeTimers({ now: new Date(2026, 0, 31, 23, 59), toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  try {
    const opening = openLogger('message-center-api', {
      ...ENV,
      logFile: join(folder, 'deep', 'mc.log'),
      logLevel: 'warn',
    })
    await vi.advanceTimersByTimeAsync(200)
    const logger = await opening
    logger.warn({ i: 1 }, 'the evening')
    await vi.advanceTimersByTimeAsync(120_000)
    logger.warn({ i: 2 }, 'the morning')
    const byDay = files().map((file) => [/\d{4}-\d\d-\d\d/.exec(file)?.[0], linesOf([file])])
    expect(byDay).toEqual([
      ['2026-01-31', [1]],
      ['2026-02-01', [2]],
    ])
  } finally {
    vi.useRealTimers()
  }
})

const ENV = readEnv({
  DATABASE_URL: 'mysql://db/mc',
  REDIS_URL: 'redis://cache',
  CONFIG_ENCRYPTION_KEYS: `k1:${Buffer.alloc(32).toString('base64')}`,
})
