import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Availability } from '../availability.ts'

const EVERY_MS = 50
/** A connection that has sent nothing so long after the order to stop was opened in advance, as browsers do. */
const SILENCE_MS = 500
/** Whoever is connected for so long after the closing has begun is cut off: the process has 10 s in all. */
const PATIENCE_MS = 6_000

/**
 * Lets a stopping API end without a failed call. As soon as it is leaving, every answer says `Connection: close`: a client that
 * is busy moves to another connection, and so to another process, by itself. When it closes, what is in hand is answered, and
 * connections that fall idle are closed; the HTTP server by itself would wait for keep-alive to run out.
 */
export const drainPlugin = fp(
  async (app: FastifyInstance, { availability }: { availability: Availability }) => {
    // Node does not count them as idle before their first request.
    const silent = new Set<Socket>()
    app.server.on('connection', (socket) => {
      silent.add(socket)
      socket.once('close', () => silent.delete(socket))
    })
    app.server.on('request', ({ socket }) => silent.delete(socket))
    app.addHook('onSend', (_request, reply, _payload, done) => {
      if (availability.leaving()) reply.header('connection', 'close')
      done()
    })
    app.addHook('preClose', async () => {
      availability.leave()
      const since = Date.now()
      const timer = setInterval(() => {
        const elapsed = Date.now() - since
        if (elapsed < PATIENCE_MS) app.server.closeIdleConnections()
        else app.server.closeAllConnections()
        if (elapsed > SILENCE_MS) for (const socket of silent) if (socket.bytesRead === 0) socket.destroy()
      }, EVERY_MS)
      app.server.once('close', () => clearInterval(timer))
    })
  },
  { name: 'drain' },
)
