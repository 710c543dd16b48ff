import { once } from 'node:events'
import { connect } from 'node:net'
import type { AppError } from '@message-center/core/contracts/errors.ts'
import { openEventStream } from '@message-center/devkit/testing/event-stream.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import fastify, { type FastifyReply } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { beginEventStream } from './event-stream.ts'
import { createOpenStreams, type OpenStreams, type StreamLimits } from './open-streams.ts'

const READER = { tenantId: '1', userId: 'u1' }
const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

function streamsWith(limits: Partial<StreamLimits>, onCount: (count: number) => void = () => undefined): OpenStreams {
  const streams = createOpenStreams(onCount, { maxStreams: 10, maxStreamsOfUser: 10, beatMs: 60_000, ...limits })
  closers.push(async () => streams.close())
  return streams
}

/** A server whose every request becomes a stream. */
async function serve(begin: (reply: FastifyReply) => void): Promise<string> {
  const app = fastify()
  app.get('/', async (_request, reply) => begin(reply))
  closers.push(() => app.close())
  return app.listen({ host: '127.0.0.1', port: 0 })
}

/** What a refusal says: its code, and when to come again. */
function refusal(take: () => unknown): [code: string, retryAfterSeconds: number | undefined] | 'none' {
  try {
    take()
    return 'none'
  } catch (error) {
    const { code, retryAfterSeconds } = error as AppError
    return [code, retryAfterSeconds]
  }
}

test('there is an end to the streams of a user and of a process; a place that is given back can be taken', () => {
  const counts: number[] = []
  const streams = streamsWith({ maxStreams: 3, maxStreamsOfUser: 2 }, (count) => counts.push(count))
  const giveBack = streams.takePlace(READER)
  streams.takePlace(READER)
  expect(refusal(() => streams.takePlace(READER))).toEqual(['TOO_MANY_REQUESTS', 5])
  streams.takePlace({ ...READER, tenantId: '2' })
  expect(refusal(() => streams.takePlace({ ...READER, userId: 'u2' }))).toEqual(['UNAVAILABLE', 5])
  giveBack()
  streams.takePlace(READER)
  expect(counts).toEqual([1, 2, 3, 2, 3])
})

test('a stream shows that it is alive, and ends when its caller is let in no more', async () => {
  const streams = streamsWith({ beatMs: 20 })
  let allowed = true
  const url = await serve((reply) =>
    streams.tend(beginEventStream(reply, 7n), Date.now() + 60_000, async () => allowed),
  )
  const stream = await openEventStream(url)
  await until('some beats', () => stream.comments.length > 2)
  allowed = false
  await stream.ended
  expect(stream.events).toEqual([])
})

test('at shutdown all streams end at once, and no place is left', async () => {
  const streams = streamsWith({})
  const url = await serve((reply) => streams.tend(beginEventStream(reply, 0n), Date.now() + 60_000, async () => true))
  const open = await Promise.all(Array.from({ length: 5 }, () => openEventStream(url)))
  streams.close()
  await Promise.all(open.map(({ ended }) => ended))
  expect(refusal(() => streams.takePlace(READER))).toEqual(['UNAVAILABLE', 5])
  // One that was just about to begin.
  await (await openEventStream(url)).ended
})

test('a token that ends in years ends no stream now', async () => {
  const streams = streamsWith({ beatMs: 20 })
  const url = await serve((reply) => streams.tend(beginEventStream(reply, 0n), Date.now() + 1e12, async () => true))
  const stream = await openEventStream(url)
  await until('some beats', () => stream.comments.length > 2)
  stream.close()
})

test('whoever takes nothing between two beats is cut off', async () => {
  const streams = streamsWith({ beatMs: 50 })
  const cutOff = Promise.withResolvers<void>()
  const item = { id: '1', messageId: 'm', userId: 'u', messageType: 'TEXT' as const, read: false, createTime: '' }
  const url = await serve((reply) => {
    const stream = beginEventStream(reply, 0n)
    // More than the kernels' buffers take, written at once: within what a stream may leave unread at the time of writing.
    stream.send({ ...item, content: 'x'.repeat(50_000_000) })
    stream.closed.addEventListener('abort', () => cutOff.resolve())
    streams.tend(stream, Date.now() + 60_000, async () => true)
  })
  const deaf = connect({ host: '127.0.0.1', port: Number(new URL(url).port) })
  await once(deaf, 'connect')
  deaf.on('error', () => undefined).pause()
  deaf.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await cutOff.promise
  deaf.destroy()
})
