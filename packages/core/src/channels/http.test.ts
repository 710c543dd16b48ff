import { afterEach, describe, expect, test } from 'vitest'
import { createProviderFetch, fetchUntil, type ProviderFetch, postJson } from './http.ts'
import { type CannedAnswer, startRecordingServer } from './recording-server.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function setUp(answer: CannedAnswer = { body: { errcode: 0 } }) {
  const server = await startRecordingServer(() => answer)
  const { fetch, close } = createProviderFetch({ timeoutMs: 20_000 })
  cleanups.push(server.close, close)
  return { server, fetch, close }
}

function post(fetch: ProviderFetch, url: string) {
  return postJson({ fetch, url, body: { text: '你好' }, signal: new AbortController().signal })
}

describe('postJson', () => {
  test('sends JSON in UTF-8 and gives status, headers, text and parsed body', async () => {
    const { server, fetch } = await setUp({ status: 201, headers: { 'X-Trace': 'a' }, body: '{"errcode":0}' })
    const answer = await post(fetch, `${server.origin}/send?key=k%2B1`)
    expect(answer).toMatchObject({ status: 201, text: '{"errcode":0}', json: { errcode: 0 } })
    expect(answer.headers['x-trace']).toBe('a')
    expect(server.requests).toMatchObject([
      { method: 'POST', body: '{"text":"你好"}', headers: { 'content-type': 'application/json; charset=utf-8' } },
    ])
    expect(server.requests[0]?.url.search).toBe('?key=k%2B1')
  })

  test('a body that is not JSON gives no json, an error status no error', async () => {
    const { server, fetch } = await setUp({ status: 502, body: '<html>' })
    const answer = await post(fetch, server.origin)
    expect(answer).toMatchObject({ status: 502, text: '<html>' })
    expect('json' in answer).toBe(false)
  })

  test('works the same on any other fetch', async () => {
    const { server } = await setUp({ status: 200, headers: { date: 'x' }, body: '{"errcode":0}' })
    const answer = await postJson({
      fetch: globalThis.fetch,
      url: server.origin,
      body: {},
      signal: new AbortController().signal,
    })
    expect(answer).toMatchObject({ status: 200, json: { errcode: 0 }, headers: { date: 'x' } })
  })

  test.each([301, 302, 303, 307, 308])('a %i redirect is refused, not followed', async (status) => {
    const { server, fetch } = await setUp({ status, headers: { location: '/elsewhere' }, body: '' })
    const refused = { errorClass: 'PERMANENT', code: 'REDIRECT_REFUSED' }
    await expect(post(fetch, server.origin)).rejects.toMatchObject(refused)
    await expect(fetch(server.origin)).rejects.toMatchObject(refused)
    expect(server.requests.map(({ url }) => url.pathname)).toEqual(['/', '/'])
  })

  test('connections are kept and used again', async () => {
    const { server, fetch } = await setUp()
    for (let call = 0; call < 20; call++) await post(fetch, server.origin)
    // Two, as undici frees the first one turn of the event loop after its answer.
    expect(server.connectionCount()).toBeLessThanOrEqual(2)
  })

  test('leaves nothing on a signal that outlives the call', async () => {
    const { server, fetch } = await setUp()
    const controller = new AbortController()
    await postJson({ fetch, url: server.origin, body: {}, signal: controller.signal })
    controller.abort()
    expect((await post(fetch, server.origin)).status).toBe(200)
  })

  test('after close every call fails without being sent', async () => {
    const { server, fetch, close } = await setUp()
    await post(fetch, server.origin)
    await close()
    await expect(post(fetch, server.origin)).rejects.toMatchObject({ errorClass: 'TRANSIENT' })
    expect(server.requests).toHaveLength(1)
  })
})

describe('fetch', () => {
  test('sends method, headers and body as the web fetch does, and asks for no compression', async () => {
    const { server, fetch } = await setUp()
    await fetch(new URL(`${server.origin}/a?b=1`), { headers: { 'X-One': '1', 'accept-encoding': 'gzip' } })
    await fetch(server.origin, { method: 'put', body: new URLSearchParams({ a: 'x y' }) })
    await fetch(server.origin, { method: 'POST', body: new Uint8Array([104, 105]) })
    expect(server.requests).toMatchObject([
      { method: 'GET', headers: { 'x-one': '1' }, body: '' },
      { method: 'PUT', headers: { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' }, body: 'a=x+y' },
      { method: 'POST', body: 'hi' },
    ])
    expect(server.requests.map(({ headers }) => headers['accept-encoding'])).toEqual([undefined, undefined, undefined])
  })

  test('gives a web Response', async () => {
    const headers = { 'set-cookie': ['a=1', 'b=2'], 'content-type': 'application/json' }
    const { server, fetch } = await setUp({ status: 404, headers, body: { a: '你' } })
    const response = await fetch(server.origin)
    expect(response).toBeInstanceOf(Response)
    expect([response.status, response.ok, response.headers.getSetCookie()]).toEqual([404, false, ['a=1', 'b=2']])
    expect(await response.json()).toEqual({ a: '你' })
  })

  test('an answer without a body', async () => {
    const { server, fetch } = await setUp({ status: 204, body: '' })
    const response = await fetch(server.origin)
    expect([response.status, await response.text()]).toEqual([204, ''])
  })

  test('rejects with what the fault means', async () => {
    const { server, fetch } = await setUp()
    const aborted = fetch(server.origin, { signal: AbortSignal.abort() })
    await expect(aborted).rejects.toMatchObject({ errorClass: 'TRANSIENT', code: 'ABORTED' })
  })
})

describe('a fetch until a time', () => {
  test.each([
    ['ours', (fetch: ProviderFetch) => fetch],
    ['any other', () => globalThis.fetch],
  ])('(%s) works before it and begins no call after it: not sent', async (_whose, choose) => {
    const { server, fetch } = await setUp()
    const call = (latest: number) =>
      postJson({
        fetch: fetchUntil(choose(fetch), latest),
        url: server.origin,
        body: {},
        signal: new AbortController().signal,
      })
    expect(await call(performance.now() + 60_000)).toMatchObject({ status: 200 })
    await expect(call(performance.now() - 1)).rejects.toMatchObject({ errorClass: 'TRANSIENT', code: 'TIMEOUT' })
    expect(server.requests).toHaveLength(1)
  })
})
