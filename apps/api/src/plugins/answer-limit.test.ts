import fastify from 'fastify'
import { expect, test } from 'vitest'
import { answerLimitPlugin } from './answer-limit.ts'
import { errorsPlugin } from './errors.ts'

test('a call that hangs is answered 503; a route with a longer limit, and one that streams, are let be', async () => {
  const app = fastify()
  const { promise: slow, resolve: goOn } = Promise.withResolvers<string>()
  await app.register(errorsPlugin)
  await app.register(answerLimitPlugin, { limitMs: 20 })
  app.get('/hangs', () => new Promise(() => {}))
  app.get('/slow', { config: { answerLimitMs: 60_000 } }, () => slow)
  app.get('/streams', async (_request, reply) => {
    reply.hijack()
    reply.raw.write('a')
    reply.raw.end(await slow)
  })
  const waiting = [app.inject('/slow'), app.inject('/streams')]
  const answer = await app.inject('/hangs')
  expect(answer.statusCode).toBe(503)
  expect(answer.headers['retry-after']).toBe('1')
  goOn('b')
  expect((await Promise.all(waiting)).map(({ statusCode, body }) => [statusCode, body])).toEqual([
    [200, 'b'],
    [200, 'ab'],
  ])
  await app.close()
})
