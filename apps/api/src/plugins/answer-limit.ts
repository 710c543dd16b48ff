import { AppError } from '@message-center/core/contracts/errors.ts'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** For a route that may take longer to answer than the others, in ms. */
    answerLimitMs?: number
  }
}

/**
 * Nothing takes longer to answer, whatever hangs: then it is 503. Fastify's own `handlerTimeout` makes and aborts an
 * AbortController for every request, a tenth of what it costs to accept a message.
 */
export const answerLimitPlugin = fp(
  async (app: FastifyInstance, { limitMs }: { limitMs: number }) => {
    app.addHook('onRequest', (request, reply, done) => {
      const timer = setTimeout(() => {
        if (!reply.sent)
          reply.send(new AppError('UNAVAILABLE', 'this takes too long just now', { retryAfterSeconds: 1 }))
      }, request.routeOptions.config.answerLimitMs ?? limitMs)
      reply.raw.once('close', () => clearTimeout(timer))
      done()
    })
  },
  { name: 'answer-limit' },
)
