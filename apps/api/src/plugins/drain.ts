import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

const EVERY_MS = 50
/** Whoever is connected for so long after the order to stop is cut off: the process has 10 s in all. */
const PATIENCE_MS = 8_000

/**
 * Lets a stopping API end: what is in hand is answered, with `Connection: close`, and connections that fall idle are
 * closed. The HTTP server by itself would wait for keep-alive to run out.
 */
export const drainPlugin = fp(
  async (app: FastifyInstance) => {
    let closing = false
    app.addHook('onSend', async (_request, reply) => {
      if (closing) reply.header('connection', 'close')
    })
    app.addHook('preClose', async () => {
      closing = true
      const cutOff = Date.now() + PATIENCE_MS
      const timer = setInterval(() => {
        if (Date.now() < cutOff) app.server.closeIdleConnections()
        else app.server.closeAllConnections()
      }, EVERY_MS)
      app.server.once('close', () => clearInterval(timer))
    })
  },
  { name: 'drain' },
)
