import { createServer as createHttp1, type RequestListener } from 'node:http'
import { createServer as createHttp2, type ServerHttp2Session } from 'node:http2'
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, TLSSocket } from 'node:tls'

const PREFACE_START = Buffer.from('PRI')
/** Whoever connects has to say something within. */
const FIRST_BYTE_MS = 10_000
const MAX_STREAMS = 1000
const EVERY_MS = 50
/** Whoever is connected for so long after the closing has begun is cut off: the process has 10 s in all. */
const PATIENCE_MS = 6_000

export interface Listener {
  server: Server
  /** From now on nothing new is taken; connections are closed as what is in hand has been answered. */
  drain(): void
}

const TLS = { ALPNProtocols: ['h2', 'http/1.1'], handshakeTimeout: FIRST_BYTE_MS }
const HTTP2 = { settings: { maxConcurrentStreams: MAX_STREAMS } }

/**
 * One port for HTTP/2 and HTTP/1.1, told apart by the first bytes: no client of gRPC or Dubbo upgrades from HTTP/1.1, and
 * through TLS Dubbo's (3.3.6) speaks HTTP/2 without having asked for it by ALPN.
 */
export function createListener(handler: RequestListener, tls: { cert: Buffer; key: Buffer } | undefined): Listener {
  const sessions = new Set<ServerHttp2Session>()
  const sockets = new Set<Socket>()
  const http1 = createHttp1(handler)
  // Both kinds of request have what Fastify and Connect use of them.
  const http2 = createHttp2(HTTP2, handler as never)
  http2.on('session', (session: ServerHttp2Session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
  })
  const server = tls ? createTlsServer({ ...tls, ...TLS }, route) : createServer(route)

  function route(socket: Socket): void {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.setTimeout(FIRST_BYTE_MS, () => socket.destroy())
    let first = Buffer.alloc(0)
    socket.on('data', function onData(chunk: Buffer) {
      first = Buffer.concat([first, chunk])
      // As much as there is of it may be either: what follows tells.
      if (first.length < PREFACE_START.length && PREFACE_START.indexOf(first) === 0) return
      socket.off('data', onData)
      socket.setTimeout(0)
      socket.pause()
      socket.unshift(first)
      const isHttp2 = first.subarray(0, PREFACE_START.length).equals(PREFACE_START)
      // Without it Node.js takes a TLS connection for none of HTTP/2, whatever comes through it.
      if (isHttp2 && socket instanceof TLSSocket) socket.alpnProtocol = 'h2'
      const protocol = isHttp2 ? http2 : http1
      protocol.emit('connection', socket)
      process.nextTick(() => socket.resume())
    })
  }

  return {
    server,
    drain() {
      const cutOff = Date.now() + PATIENCE_MS
      for (const session of sessions) session.close()
      const timer = setInterval(() => {
        http1.closeIdleConnections()
        if (Date.now() >= cutOff) for (const socket of sockets) socket.destroy()
      }, EVERY_MS)
      server.once('close', () => clearInterval(timer))
    },
  }
}
