import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { expect, inject, test } from 'vitest'
import { until } from '../../../devkit/src/testing/until.ts'
import { createQueues } from './queues.ts'
import { createFailFastRedis } from './redis.ts'

const JOBS = 400

test('events, which nobody reads, are not kept, also where the queues were made before Redis was there', async () => {
  const env = {
    redisUrl: inject('redisUrl'),
    redisClusterNodes: [],
    redisSentinels: [],
    redisSentinelName: undefined,
    queuePrefix: `{${randomUUID()}}`,
  }
  const redis = createFailFastRedis(env)
  const queues = createQueues(env, redis, (error) => {
    throw error
  })
  await once(redis, 'ready')
  try {
    const meta = queues.pipeline.toKey('meta')
    await until('the limit to be said', async () => (await redis.hget(meta, 'opts.maxLenEvents')) === '10')
    const jobs = Array.from({ length: JOBS }, () => ({ name: 'job', data: {}, opts: {} }))
    await queues.pipeline.addBulk(jobs)
    // Redis drops them by the hundred.
    expect(await redis.xlen(queues.pipeline.toKey('events'))).toBeLessThan(JOBS / 2)
  } finally {
    await queues.pipeline.obliterate({ force: true })
    await queues.close()
    redis.disconnect()
  }
})
