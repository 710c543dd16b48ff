import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Fetch } from './adapter.ts'
import { ChannelError } from './channel-error.ts'
import { createProviderFetch, type ProviderFetchOptions, postJson } from './http.ts'

const TOKEN = 'token-that-must-not-leak'
const cleanups: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** A TCP server: what it does with bytes decides the fault. */
async function tcpServer(onData: (socket: Socket, chunk: Buffer) => void, onConnect?: (socket: Socket) => void) {
  const sockets = new Set<Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    // A client that goes away is the very thing tested here.
    socket.on('error', () => socket.destroy())
    onConnect?.(socket)
    socket.on('data', (chunk) => onData(socket, chunk))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return { port: (server.address() as AddressInfo).port, sockets, server }
}

function client(options: Partial<ProviderFetchOptions> = {}): Fetch {
  const { fetch, close } = createProviderFetch({ timeoutMs: 20_000, ...options })
  cleanups.push(close)
  return fetch
}

async function faultOf(fetch: Fetch, origin: string, signal = new AbortController().signal): Promise<ChannelError> {
  const url = `${origin}/robot/send?access_token=${TOKEN}`
  const error = await postJson({ fetch, url, body: { a: 1 }, signal }).then(
    (answer) => new Error(`no fault but ${answer.status}`),
    (reason: unknown) => reason,
  )
  if (!(error instanceof ChannelError)) throw error
  expect(JSON.stringify([error.message, error.response, String(error.cause)])).not.toContain(TOKEN)
  return error
}

const ANSWER_HEAD = 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n'

describe('a fault before the request was written is TRANSIENT', () => {
  test('connection refused', async () => {
    const { port, server } = await tcpServer(() => {})
    server.close()
    await once(server, 'close')
    server.listen(0)
    const error = await faultOf(client(), `http://127.0.0.1:${port}`)
    expect(error).toMatchObject({ errorClass: 'TRANSIENT', code: 'CONNECT_FAILED' })
    expect(error.message).toContain('ECONNREFUSED')
  })

  test('a name that does not resolve', async () => {
    expect(await faultOf(client(), 'http://no-such-host.invalid')).toMatchObject({ errorClass: 'TRANSIENT' })
  })

  test('a connection reset during the TLS handshake', async () => {
    const { port } = await tcpServer((socket) => socket.resetAndDestroy())
    const error = await faultOf(client(), `https://127.0.0.1:${port}`)
    expect(error).toMatchObject({ errorClass: 'TRANSIENT', code: 'CONNECT_FAILED' })
    expect(error.message).toContain('ECONNRESET')
  })

  test('a TLS handshake that never ends', async () => {
    const { port } = await tcpServer(() => {})
    const error = await faultOf(client({ timeoutMs: 100 }), `https://127.0.0.1:${port}`)
    expect(error).toMatchObject({ errorClass: 'TRANSIENT', code: 'CONNECT_TIMEOUT' })
  })

  test('no free connection within the time; the request is not written later', async () => {
    let bytes = 0
    const { port, sockets } = await tcpServer((_, chunk) => {
      bytes += chunk.toString().split('POST').length - 1
    })
    const fetch = client({ connections: 1, timeoutMs: 100 })
    const origin = `http://127.0.0.1:${port}`
    const faults = await Promise.all([faultOf(fetch, origin), faultOf(fetch, origin)])
    expect(faults.map(({ errorClass, code }) => [errorClass, code])).toEqual([
      ['UNKNOWN', 'TIMEOUT'],
      ['TRANSIENT', 'CONNECT_TIMEOUT'],
    ])
    for (const socket of sockets) socket.destroy()
    expect(await faultOf(fetch, origin)).toMatchObject({ errorClass: 'UNKNOWN' })
    await vi.waitFor(() => expect(bytes).toBe(2))
  })

  test('a signal that is aborted already', async () => {
    let connected = false
    const { port } = await tcpServer(
      () => {},
      () => {
        connected = true
      },
    )
    const error = await faultOf(client(), `http://127.0.0.1:${port}`, AbortSignal.abort())
    expect(error).toMatchObject({ errorClass: 'TRANSIENT', code: 'ABORTED' })
    expect(connected).toBe(false)
  })

  test('an address that is not HTTP is PERMANENT', async () => {
    expect(await faultOf(client(), 'ftp://127.0.0.1')).toMatchObject({
      errorClass: 'PERMANENT',
      code: 'INVALID_REQUEST',
    })
  })
})

describe('a fault after the request was written is UNKNOWN', () => {
  const lost: [string, (socket: Socket) => void][] = [
    ['reset without an answer', (socket) => socket.resetAndDestroy()],
    ['closed without an answer', (socket) => socket.end()],
    ['closed within the head', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-le')],
    ['closed within the body', (socket) => socket.end(`${ANSWER_HEAD}{"errcode"`)],
    ['reset within the body', (socket) => socket.write(`${ANSWER_HEAD}{`, () => socket.resetAndDestroy())],
  ]
  test.each(lost)('%s', async (_, onData) => {
    const { port } = await tcpServer(onData)
    const error = await faultOf(client(), `http://127.0.0.1:${port}`)
    expect(error).toMatchObject({ errorClass: 'UNKNOWN', code: 'CONNECTION_LOST' })
  })

  const slow: [string, (socket: Socket) => void][] = [
    ['no answer', () => {}],
    ['a body that stops', (socket) => socket.write(`${ANSWER_HEAD}{`)],
    [
      'a body that drips for ever',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
        const drip = setInterval(() => socket.write('1\r\n \r\n'), 10)
        socket.on('close', () => clearInterval(drip))
      },
    ],
  ]
  test.each(slow)('time-out: %s', async (_, onData) => {
    const { port } = await tcpServer(onData)
    const error = await faultOf(client({ timeoutMs: 150 }), `http://127.0.0.1:${port}`)
    expect(error).toMatchObject({ errorClass: 'UNKNOWN', code: 'TIMEOUT' })
  })

  test('the caller aborts (shutdown), and its own time-out signal', async () => {
    for (const [reason, code] of [
      [new Error('shutting down'), 'ABORTED'],
      [new DOMException('too slow', 'TimeoutError'), 'TIMEOUT'],
    ] as const) {
      const controller = new AbortController()
      const { port } = await tcpServer(() => controller.abort(reason))
      const error = await faultOf(client(), `http://127.0.0.1:${port}`, controller.signal)
      expect(error).toMatchObject({ errorClass: 'UNKNOWN', code })
    }
  })

  test('an answer that is not HTTP, or larger than taken', async () => {
    const garbage = await tcpServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n'))
    expect(await faultOf(client(), `http://127.0.0.1:${garbage.port}`)).toMatchObject({
      errorClass: 'UNKNOWN',
      code: 'INVALID_ANSWER',
    })
    const huge = await tcpServer((socket) =>
      socket.end(`HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n${'x'.repeat(2000)}`),
    )
    expect(await faultOf(client({ maxAnswerBytes: 1999 }), `http://127.0.0.1:${huge.port}`)).toMatchObject({
      errorClass: 'UNKNOWN',
      code: 'ANSWER_TOO_LARGE',
    })
  })
})

describe('keep-alive', () => {
  const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\n{}'

  test('a connection that the provider closed while it was idle is replaced, unnoticed', async () => {
    const { port, sockets } = await tcpServer((socket) => socket.write(ok))
    const fetch = client()
    const call = { fetch, url: `http://127.0.0.1:${port}/`, body: {}, signal: new AbortController().signal }
    for (const round of [1, 2, 3]) {
      expect(await postJson(call)).toMatchObject({ status: 200, json: {} })
      expect(sockets.size).toBe(round)
      const [socket] = [...sockets].slice(-1)
      socket?.end()
      if (socket) await once(socket, 'close')
    }
  })

  test('a connection that closes as the next request arrives leaves that request UNKNOWN', async () => {
    const answered = new WeakSet<Socket>()
    const { port, sockets } = await tcpServer((socket) => {
      if (answered.has(socket)) socket.resetAndDestroy()
      else socket.write(ok)
      answered.add(socket)
    })
    const fetch = client({ connections: 1 })
    const url = `http://127.0.0.1:${port}/`
    await postJson({ fetch, url, body: {}, signal: new AbortController().signal })
    expect(await faultOf(fetch, `http://127.0.0.1:${port}`)).toMatchObject({ errorClass: 'UNKNOWN' })
    expect(sockets.size).toBe(1)
  })
})

describe('any other fetch is judged by the code of its error', () => {
  test('refused TRANSIENT, lost UNKNOWN', async () => {
    const { port } = await tcpServer((socket) => socket.resetAndDestroy())
    expect(await faultOf(globalThis.fetch, `http://127.0.0.1:${port}`)).toMatchObject({
      errorClass: 'UNKNOWN',
      code: 'CONNECTION_LOST',
    })
    const { port: closed, server } = await tcpServer(() => {})
    server.close()
    await once(server, 'close')
    server.listen(0)
    expect(await faultOf(globalThis.fetch, `http://127.0.0.1:${closed}`)).toMatchObject({
      errorClass: 'TRANSIENT',
      code: 'CONNECT_FAILED',
    })
  })
})
