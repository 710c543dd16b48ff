import { randomUUID } from 'node:crypto'
import { Queue, Worker } from 'bullmq'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { type FairJob, fairPriorities } from './fair-order.ts'

let redis: Redis
let queue: Queue
beforeEach(() => {
  redis = new Redis(inject('redisUrl'), { maxRetriesPerRequest: null })
  queue = new Queue('fair', { connection: redis, prefix: `{${randomUUID()}}` })
})
afterEach(async () => {
  await queue.obliterate({ force: true })
  await queue.close()
  redis.disconnect()
})

async function add(jobs: (FairJob & { name: string })[]): Promise<number[]> {
  const priorities = await fairPriorities(redis, queue, jobs)
  await queue.addBulk(jobs.map(({ name }, index) => ({ name, data: {}, opts: { priority: priorities[index] ?? 1 } })))
  return priorities
}

const many = (tenantId: string, count: number, priority = 5) =>
  Array.from({ length: count }, (_, index) => ({ tenantId, priority, name: `${tenantId}${index}` }))

/** The order in which a worker would take what waits. */
async function order(): Promise<string[]> {
  const jobs = await queue.getJobs(['prioritized'], 0, -1, true)
  return jobs.map(({ name }) => name)
}

describe('the fair order of a queue', () => {
  test('a newcomer is served after two jobs of another tenant, however long its line is', async () => {
    await add(many('flood', 500))
    await add(many('single', 1))
    expect((await order()).indexOf('single0')).toBeLessThanOrEqual(2)
  })

  test('tenants that both wait take turns', async () => {
    await add(many('a', 4))
    await add(many('b', 4))
    expect(await order()).toEqual(['a0', 'a1', 'b0', 'a2', 'b1', 'a3', 'b2', 'b3'])
  })

  test('a more urgent message of the same tenant comes first, a less urgent one last', async () => {
    await add(many('a', 3))
    await add([
      { tenantId: 'a', priority: 9, name: 'later' },
      { tenantId: 'a', priority: 0, name: 'urgent' },
    ])
    expect(await order()).toEqual(['a0', 'a1', 'urgent', 'a2', 'later'])
  })

  test('spreading jobs over all levels wins ten jobs and at most three times the share', async () => {
    await add(many('fair', 100))
    await add(
      Array.from({ length: 300 }, (_, index) => ({ tenantId: 'sly', priority: 9 - (index % 10), name: `sly${index}` })),
    )
    const served = (await order()).slice(0, 150)
    const fair = served.filter((name) => name.startsWith('fair')).length
    expect(served.length - fair).toBeLessThanOrEqual(10 + 3 * fair)
  })

  test('tags begin low again once nothing waits', async () => {
    await add(many('a', 50))
    await queue.drain()
    expect(await add(many('a', 1))).toEqual([1])
  })

  test('the oldest job of a busy tenant is served while newcomers keep coming', async () => {
    await add(many('busy', 20))
    const worker = new Worker('fair', null, { connection: redis, prefix: queue.opts.prefix ?? '', autorun: false })
    const served: string[] = []
    for (let round = 0; round < 60 && !served.includes('busy19'); round++) {
      if (round % 2 === 0) await add(many(`newcomer${round}-`, 1))
      const job = await worker.getNextJob('token')
      if (!job) break
      served.push(job.name)
      await job.moveToCompleted('ok', 'token', false)
    }
    await worker.close()
    expect(served).toContain('busy19')
  })

  test('within one tenant and level the order of arrival holds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 30 }), async (tenants) => {
        await queue.drain()
        const jobs = tenants.map((tenantId, index) => ({ tenantId, priority: 5, name: `${tenantId}${index}` }))
        for (const job of jobs) await add([job])
        const served = await order()
        for (const tenantId of new Set(tenants)) {
          const mine = (names: string[]) => names.filter((name) => name.startsWith(tenantId))
          expect(mine(served)).toEqual(mine(jobs.map(({ name }) => name)))
        }
      }),
      { numRuns: 25 },
    )
  })
})
