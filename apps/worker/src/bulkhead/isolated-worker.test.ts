import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { queuePrefix } from '@message-center/core/queues/queues.ts'
import { createPatientRedis } from '@message-center/core/queues/redis.ts'
import { readEnv } from '@message-center/core/settings/env.ts'
import { createLogger } from '@message-center/core/telemetry/logger.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { Queue } from 'bullmq'
import { afterEach, describe, expect, inject, test } from 'vitest'
import { createWorkerFactory } from '../bull-worker.ts'
import { startIsolatedWorker } from './isolated-worker.ts'

const SLOTS = 10

interface Work {
  tenantId: string
  key: string
  expired?: boolean
  takesMs?: number
}

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
})

/** A queue of its own whose jobs run until they are let go, in one process or several. */
function createBench() {
  const env = readEnv({
    DATABASE_URL: 'mysql://nobody@127.0.0.1/none',
    REDIS_URL: inject('redisUrl'),
    QUEUE_PREFIX: `{${randomUUID()}}`,
    CONFIG_ENCRYPTION_KEYS: `test:${randomBytes(32).toString('base64')}`,
  })
  const redis = createPatientRedis(env)
  const queue = new Queue<Work>('work', { connection: redis, prefix: queuePrefix(env, 'work') })
  cleanUps.push(async () => {
    await queue.obliterate({ force: true })
    await queue.close()
    redis.disconnect()
  })
  const started: string[] = []
  const running = new Map<string, () => void>()
  let hanging = (_work: Work) => false
  return {
    queue,
    started,
    running,
    /** Jobs for which this is true run until `letGo`. */
    hangs(which: (work: Work) => boolean) {
      hanging = which
    },
    letGo() {
      hanging = () => false
      for (const end of running.values()) end()
    },
    startProcess() {
      const setAside: number[] = [0]
      const factory = createWorkerFactory(env, createLogger('test', 'fatal'))
      startIsolatedWorker<Work>(
        factory.createWorker,
        {
          name: 'work',
          slots: SLOTS,
          holderOf: (work) => (work.expired ? null : work),
          onSetAside: (count) => setAside.push(count),
          comeBackMs: 2_000,
        },
        async ({ name, data }) => {
          started.push(name)
          if (data.takesMs) await delay(data.takesMs)
          if (!hanging(data)) return
          const { promise, resolve } = Promise.withResolvers<void>()
          running.set(name, resolve)
          await promise
          running.delete(name)
        },
      )
      cleanUps.push(() => factory.close())
      return {
        setAside: () => setAside.at(-1) ?? 0,
        timesSetAside: () => setAside.filter((count, index) => count > (setAside[index - 1] ?? 0)).length,
        close: factory.close,
      }
    },
    async add(tenantId: string, key: string, count: number, fields: Partial<Work> = {}, first = 0) {
      const names = Array.from({ length: count }, (_, index) => `${key}${first + index}`)
      // Tags of a fair order, as all queues have them.
      await queue.addBulk(
        names.map((name, index) => ({
          name,
          data: { tenantId, key, ...fields },
          // All of them are counted in the end.
          opts: { attempts: 1, priority: 1 + first + index, removeOnComplete: false },
        })),
      )
      return names
    },
    completed: () => queue.getJobCountByTypes('completed'),
  }
}

describe('a holder whose jobs hang', () => {
  test('leaves slots to its tenant’s other holders and to other tenants, whatever waits', async () => {
    const bench = createBench()
    bench.hangs(({ key }) => key === 'sick')
    const process = bench.startProcess()
    await bench.add('1', 'sick', 200)
    await until('all but the sick one’s share to be set aside', () => bench.running.size + process.setAside() === 200)
    expect(bench.running.size).toBeLessThan(SLOTS - 2)
    await bench.add('1', 'sibling', 20)
    await bench.add('2', 'stranger', 20)
    await until('the others to be done', async () => (await bench.completed()) === 40)
    expect(bench.started.filter((name) => name.startsWith('sick'))).toHaveLength(bench.running.size)
    bench.letGo()
    await until('the sick one’s', async () => (await bench.completed()) === 240)
  })

  test('is served in the order in which its jobs came, each once, at the cost of no attempt', async () => {
    const bench = createBench()
    bench.hangs(() => true)
    const process = bench.startProcess()
    const names = await bench.add('1', 'sick', 60)
    await until('the rest to be set aside', () => bench.running.size + process.setAside() === 60)
    await bench.add('1', 'sick', 10, {}, 60)
    await until('the newcomers as well', () => bench.running.size + process.setAside() === 70)
    bench.letGo()
    await until('all to be done', async () => (await bench.completed()) === 70)
    expect(bench.started).toHaveLength(70)
    expect(new Set(bench.started).size).toBe(70)
    const served = names.map((name) => bench.started.indexOf(name))
    // Those that are called together may overtake each other on the way.
    for (const [index, place] of served.entries()) expect(Math.abs(place - index)).toBeLessThanOrEqual(SLOTS)
    const jobs = await bench.queue.getJobs(['completed'])
    expect(new Set(jobs.map(({ attemptsMade }) => attemptsMade))).toEqual(new Set([1]))
  })

  test('keeps nobody from being looked at who needs no slot', async () => {
    const bench = createBench()
    bench.hangs(() => true)
    bench.startProcess()
    await bench.add('1', 'sick', 50)
    await until('some to hang', () => bench.running.size > 0)
    bench.hangs(({ expired }) => !expired)
    await bench.add('1', 'expired', 5, { expired: true })
    await until('the expired', async () => (await bench.completed()) === 5)
    bench.letGo()
  })
})

describe('several processes', () => {
  test('share what was set aside; what one set aside before it ended comes back to the others', async () => {
    const bench = createBench()
    bench.hangs(() => true)
    const [one, two] = [bench.startProcess(), bench.startProcess()]
    await bench.add('1', 'sick', 100)
    await until('the rest to be set aside', () => bench.running.size + one.setAside() + two.setAside() >= 100)
    bench.hangs(() => false)
    const closing = one.close()
    bench.letGo()
    await closing
    await until('all to be done', async () => (await bench.completed()) === 100)
    expect(new Set(bench.started).size).toBe(100)
  })
})

/** A stall of the machine may set a few aside; as a rule none is. */
const FEW = 200

test.each([
  ['a holder', () => 'quick'],
  ['a tenant of many holders', (index: number) => `quick${index % 50}-`],
])('%s whose jobs are quick has them done without a way through the queue', async (_, keyOf) => {
  const bench = createBench()
  const process = bench.startProcess()
  await Promise.all(Array.from({ length: 1_000 }, (_, index) => bench.add('1', keyOf(index), 1, { takesMs: 5 }, index)))
  await until('all to be done', async () => (await bench.completed()) === 1_000)
  expect(process.timesSetAside()).toBeLessThan(FEW)
  expect(process.setAside()).toBe(0)
})
