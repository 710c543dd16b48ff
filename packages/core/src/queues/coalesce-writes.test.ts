import type { Redis } from 'ioredis'
import { afterEach, expect, inject, test, vi } from 'vitest'
import { createFailFastRedis } from './redis.ts'

let redis: Redis
afterEach(() => redis.disconnect())

async function connected(): Promise<Redis> {
  redis = createFailFastRedis({
    redisUrl: inject('redisUrl'),
    redisClusterNodes: [],
    redisSentinels: [],
    redisSentinelName: undefined,
  }) as Redis
  await new Promise((resolve) => redis.once('ready', resolve))
  return redis
}

test('what one turn sends goes out in one piece, in order, with its own answers', async () => {
  const { stream } = await connected()
  const writev = vi.spyOn(stream, '_writev' as never)
  const write = vi.spyOn(stream, '_write' as never)
  const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => redis.echo(`answer ${index}`)))
  expect(answers).toEqual(Array.from({ length: 50 }, (_, index) => `answer ${index}`))
  expect(writev).toHaveBeenCalledTimes(1)
  expect(write).not.toHaveBeenCalled()
})

test('a command alone is sent at once, on a connection that was lost before as well', async () => {
  await connected()
  expect(await redis.echo('before')).toBe('before')
  const back = new Promise((resolve) => redis.once('ready', resolve))
  redis.stream.destroy()
  await back
  expect(await redis.echo('after')).toBe('after')
})
