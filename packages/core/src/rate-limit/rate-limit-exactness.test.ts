import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, expect, it } from 'vitest'
import type { Candidate } from './operations.ts'
import { createRateLimiter, type RateLimiter } from './rate-limiter.ts'

const connections = [0, 1, 2].map(() => new Redis(process.env.REDIS_URL ?? ''))
afterAll(() => Promise.all(connections.map((connection) => connection.quit())))

/** One message's way: whether it reserves, how long it dawdles, how long the provider's call takes, whether it fails. */
interface Plan {
  arrivesAfterMs: number
  reserves: boolean
  releases: boolean
  lateMs: number
  callMs: number
  /** When within the call the provider counts it, 0–1. */
  countedAt: number
  retries: number
}

const plan: fc.Arbitrary<Plan> = fc.record({
  arrivesAfterMs: fc.nat({ max: 150 }),
  reserves: fc.boolean(),
  releases: fc.nat({ max: 9 }).map((dice) => dice === 0),
  lateMs: fc.constantFrom(0, 0, 0, 5, 60),
  callMs: fc.constantFrom(0, 1, 10, 10, 120),
  countedAt: fc.constantFrom(0, 0.5, 1),
  retries: fc.constantFrom(0, 0, 0, 1, 2),
})

/** No stretch of `windowMs` holds more than `count` of the times; a stretch that begins at one of them is enough to look at. */
function expectWithin(times: number[], { count, windowMs }: Candidate, what: string): void {
  const sorted = times.toSorted((a, b) => a - b)
  sorted.slice(count).forEach((time, index) => {
    expect(time - (sorted[index] ?? 0), `${what}: ${count} per ${windowMs} ms`).toBeGreaterThanOrEqual(windowMs)
  })
}

interface Seen {
  asked: number
  goes: Map<string, number[]>
  counted: Map<string, number[]>
}

function see(times: Map<string, number[]>, configId: string, time: number): void {
  times.set(configId, [...(times.get(configId) ?? []), time])
}

async function send(limiter: RateLimiter, member: string, limit: Candidate, way: Plan, seen: Seen): Promise<void> {
  let answer = await limiter.start(member, limit)
  seen.asked += 1
  while (!answer.go) {
    expect(answer.slotAt).toBeGreaterThan(answer.now)
    await sleep(answer.slotAt - answer.now)
    answer = await limiter.start(member, limit)
    seen.asked += 1
  }
  see(seen.goes, limit.configId, answer.now)
  await sleep(way.callMs * way.countedAt)
  see(seen.counted, limit.configId, performance.now())
  await sleep(way.callMs * (1 - way.countedAt))
  limiter.settle(answer)
}

async function travel(
  limiter: RateLimiter,
  member: string,
  pool: Candidate[],
  way: Plan,
  seen: Seen,
): Promise<'sent' | 'refused' | 'given back'> {
  await sleep(way.arrivesAfterMs)
  let [limit] = pool
  if (way.reserves) {
    const reservation = await limiter.reserve({ member, groups: [pool] })
    if (!reservation.reserved) return 'refused'
    limit = pool.find(({ configId }) => configId === reservation.configId)
    if (limit && way.releases && (await limiter.release(member, limit))) return 'given back'
    await sleep(Math.max(0, reservation.slotAt - reservation.now) + way.lateMs)
  }
  if (!limit) throw new Error('no such config')
  for (let attempt = 0; attempt <= way.retries; attempt += 1) await send(limiter, member, limit, way, seen)
  return 'sent'
}

it('lets no window hold more than its count, neither by Redis nor as the provider sees it, and loses nothing', async () => {
  const size = fc.record({ count: fc.integer({ min: 1, max: 30 }), windowMs: fc.integer({ min: 50, max: 400 }) })
  const policy = fc.constantFrom('REJECT' as const, 'DEFER' as const)
  await fc.assert(
    fc.asyncProperty(
      fc.array(size, { minLength: 1, maxLength: 3 }),
      policy,
      fc.array(plan, { minLength: 20, maxLength: 70 }),
      fc.constantFrom(20, 150),
      async (sizes, overflow, ways, maxCallMs) => {
        const keyPrefix = `{exact-${randomUUID()}}`
        const onSettleError = (error: unknown) => {
          throw error
        }
        const limiters = connections.map((redis) =>
          createRateLimiter({ redis, keyPrefix, maxCallMs: maxCallMs + 200, onSettleError }),
        )
        const pool = sizes.map((each, index) => ({ ...each, configId: `${index}`, policy: overflow }))
        // Few enough that a line of one per 400 ms ends in this lifetime.
        const load = ways.slice(0, 8 + Math.ceil(Math.min(...sizes.map(({ count }) => count)) * 3))
        const seen: Seen = { asked: 0, goes: new Map(), counted: new Map() }
        const ends = await Promise.all(
          load.map((way, index) => {
            const limiter = limiters[index % limiters.length]
            if (!limiter) throw new Error('no limiter')
            return travel(limiter, `m${index}`, pool, way, seen)
          }),
        )
        for (const limit of pool) {
          expectWithin(seen.goes.get(limit.configId) ?? [], limit, 'by Redis')
          expectWithin(seen.counted.get(limit.configId) ?? [], limit, 'at the provider')
        }
        if (overflow === 'DEFER') expect(ends).not.toContain('refused')
        await Promise.all(limiters.map((limiter) => limiter.drain()))
        const usage = await limiters[0]?.snapshot(pool)
        expect(usage?.map(({ reserved }) => reserved)).toEqual(pool.map(() => 0))
      },
    ),
    { numRuns: 8 },
  )
})

it('serves a line in order and uses the room that there is', async () => {
  const keyPrefix = `{line-${randomUUID()}}`
  const limit: Candidate = { configId: '7', count: 5, windowMs: 100, policy: 'DEFER' }
  const limiters = connections.map((redis) => createRateLimiter({ redis, keyPrefix, onSettleError: () => undefined }))
  const seen: Seen = { asked: 0, goes: new Map(), counted: new Map() }
  const way: Plan = {
    arrivesAfterMs: 0,
    reserves: true,
    releases: false,
    lateMs: 0,
    callMs: 2,
    countedAt: 0.5,
    retries: 0,
  }
  const slots: number[] = []
  const sends: Promise<void>[] = []
  for (let index = 0; index < 60; index += 1) {
    const limiter = limiters[index % 3]
    const answer = await limiter?.reserve({ member: `m${index}`, groups: [[limit]] })
    if (!limiter || !answer?.reserved) throw new Error('a line refuses nobody')
    slots.push(answer.slotAt)
    sends.push(sleep(answer.slotAt - answer.now).then(() => send(limiter, `m${index}`, limit, way, seen)))
  }
  expect(slots).toEqual(slots.toSorted((a, b) => a - b))
  await Promise.all(sends)
  const goes = (seen.goes.get('7') ?? []).toSorted((a, b) => a - b)
  expect(goes).toHaveLength(60)
  expectWithin(goes, limit, 'by Redis')
  // Who comes at the slot may find that calls took a little, and is told when to come again: a few times, not many.
  expect(seen.asked).toBeLessThan(5 * goes.length)
})
