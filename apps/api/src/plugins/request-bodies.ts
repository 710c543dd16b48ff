import { AppError } from '@message-center/core/contracts/errors.ts'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { bodyText } from '../routes/body-text.ts'

/**
 * Bodies are JSON in UTF-8 as it is, not compressed. A call that has nothing to say may come without one, also where it says JSON: many
 * clients say so with every call. Routes that keep the digits of numbers read theirs by themselves.
 */
export const requestBodiesPlugin = fp(
  async (app: FastifyInstance) => {
    const parseJson = app.getDefaultJsonParser('error', 'error')
    app.removeAllContentTypeParsers()
    app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
      const text = bodyText(body)
      return text.trim() === '' ? done(null, undefined) : parseJson(request, text, done)
    })
    app.addHook('preParsing', (request, reply, payload, done) => {
      const coding = request.headers['content-encoding']
      if (!request.routeOptions.schema?.body || coding === undefined || /^identity$/i.test(coding))
        return done(null, payload)
      // RFC 9110, 15.5.16: so that the caller sees what was wrong about it.
      reply.header('accept-encoding', 'identity')
      done(new AppError('UNSUPPORTED_MEDIA_TYPE', 'a body must come without Content-Encoding, not compressed'))
    })
    app.addHook('preValidation', (request, _reply, done) => {
      if (mayBeLeftOut(request.routeOptions.schema?.body)) request.body ??= {}
      done()
    })
  },
  { name: 'request-bodies' },
)

/** @param schema of a body: an object of which nothing has to be there */
export function mayBeLeftOut(schema: unknown): boolean {
  const { type, required = [] } = Object(schema) as { type?: unknown; required?: unknown[] }
  return type === 'object' && required.length === 0
}
