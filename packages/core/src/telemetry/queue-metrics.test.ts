import { randomUUID } from 'node:crypto'
import type { Queue } from 'bullmq'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { connectedRedis } from '../../../devkit/src/testing/connected-redis.ts'
import { storeDispatched } from '../../../devkit/src/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { createQueues, type Queues } from '../queues/queues.ts'
import { createFailFastRedis, type RedisConnection } from '../queues/redis.ts'
import { readEnv } from '../settings/env.ts'
import { createMetrics } from './metrics.ts'
import { registerQueueMetrics } from './queue-metrics.ts'

let database: TestDatabase
let redis: RedisConnection
let queues: Queues
const errors: unknown[] = []
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())
beforeEach(async () => {
  const env = { ...readEnv(database.variables), queuePrefix: `{${randomUUID()}}` }
  redis = await connectedRedis(env)
  queues = createQueues(env, redis, (error) => errors.push(error))
  errors.length = 0
})
afterEach(async () => {
  await queues.close()
  redis.disconnect()
})

/** A process of its own that is scraped. */
function scraped() {
  const { registry } = createMetrics()
  const onError = (error: unknown) => void errors.push(error)
  registerQueueMetrics({ registry, redis, queues, channelTypes: ['LOCAL', 'FAX'], pool: database.pool, onError })
  return async (metric: string): Promise<Record<string, number>> => {
    const lines = (await registry.metrics())
      .split('\n')
      .filter((line) => line.startsWith(`message_center_queue_${metric}{`))
    return Object.fromEntries(
      lines.map((line) => /\{(.*)\} (.*)/.exec(line)?.slice(1) ?? []).map(([k, v]) => [k, Number(v)]),
    )
  }
}

const state = (queue: string, name: string) => `queue="${queue}",state="${name}"`
const ago = (seconds: number) => Date.now() - seconds * 1000

/** The age that is told of a queue. */
async function oldest({ name }: Queue): Promise<number> {
  return (await scraped()('oldest_seconds'))[`queue="${name}"`] ?? Number.NaN
}

/** Ages grow while the test runs, by less than a minute. */
function expectAge(seconds: number, atLeast: number) {
  expect(seconds).toBeGreaterThanOrEqual(atLeast)
  expect(seconds).toBeLessThan(atLeast + 60)
}

test('jobs are counted by state, of every queue there is, whether it was used or not', async () => {
  const queue = queues.channel('LOCAL')
  await queue.addBulk([
    { name: 'plain', data: {} },
    { name: 'prioritized', data: {}, opts: { priority: 7 } },
    { name: 'later', data: {}, opts: { delay: 3_600_000, priority: 7 } },
  ])
  await queues.results.pause()
  const scrape = scraped()
  const jobs = await scrape('jobs')
  expect(jobs[state('channel.LOCAL', 'waiting')]).toBe(2)
  expect(jobs[state('channel.LOCAL', 'delayed')]).toBe(1)
  for (const name of ['pipeline', 'scheduled', 'results', 'channel.FAX'])
    expect(jobs).toMatchObject(
      Object.fromEntries(['waiting', 'active', 'delayed', 'failed'].map((s) => [state(name, s), 0])),
    )
  expect(await scrape('paused')).toMatchObject({ 'queue="results"': 1, 'queue="pipeline"': 0 })
  expect(await scrape('oldest_seconds')).toMatchObject({ 'queue="results"': 0, 'queue="channel.FAX"': 0 })
})

test('scrapes that follow one another share a reading', async () => {
  const scrape = scraped()
  await scrape('jobs')
  await queues.pipeline.add('new', {})
  expect((await scrape('jobs'))[state('pipeline', 'waiting')]).toBe(0)
  expect((await scraped()('jobs'))[state('pipeline', 'waiting')]).toBe(1)
})

describe('the age of the oldest', () => {
  test('is found behind newcomers, which a fair order serves first', async () => {
    await queues.pipeline.addBulk([
      { name: 'newcomer', data: {}, opts: { priority: 1 } },
      { name: 'old', data: {}, opts: { priority: 40, timestamp: ago(600) } },
      { name: 'young', data: {}, opts: { priority: 41, timestamp: ago(30) } },
    ])
    expectAge(await oldest(queues.pipeline), 600)
  })

  test('does not count jobs that wait for a time, and counts a job whose time has come from then on', async () => {
    await queues.pipeline.add('later', {}, { timestamp: ago(600), delay: 3_600_000 })
    expect(await oldest(queues.pipeline)).toBe(0)
    const job = await queues.pipeline.add('due', {}, { timestamp: ago(600), delay: 500_000 })
    await job.promote()
    expectAge(await oldest(queues.pipeline), 100)
  })

  test('of a task that had to wait counts from the end of that wait, as its row says', async () => {
    const [task] = await storeDispatched(database.pool, 1)
    const queue = queues.channel('LOCAL')
    await queue.add('deferred', task, { priority: 3, timestamp: ago(3_600) })
    expectAge(await oldest(queue), 3_600)
    // The column holds whole seconds, and MySQL rounds up to the next one.
    await database.pool.query('UPDATE msg_channel_task SET next_retry_time = ?', [new Date(ago(121))])
    expectAge(await oldest(queue), 120)
  })

  test('of a job that was given back counts from then on; but a message in the pipeline has waited all the time', async () => {
    for (const queue of [queues.results, queues.pipeline]) {
      const job = await queue.add('given back', {}, { timestamp: ago(3_600) })
      await redis.hset(queue.toKey(job.id ?? ''), 'processedOn', ago(60))
    }
    expectAge(await oldest(queues.results), 60)
    expectAge(await oldest(queues.pipeline), 3_600)
  })
})

test('while Redis is away a scrape is answered without the queues, and told', async () => {
  const { registry } = createMetrics()
  const away = createFailFastRedis({
    redisUrl: 'redis://127.0.0.1:1/0',
    redisClusterNodes: [],
    redisSentinels: [],
    redisSentinelName: undefined,
  })
  away.on('error', () => undefined)
  const onError = (error: unknown) => void errors.push(error)
  registerQueueMetrics({ registry, redis: away, queues, channelTypes: [], pool: database.pool, onError })
  const text = await registry.metrics()
  away.disconnect()
  expect(text).toContain('process_cpu_seconds_total')
  expect(text).not.toContain('message_center_queue_jobs{')
  expect(errors).toHaveLength(1)
})
