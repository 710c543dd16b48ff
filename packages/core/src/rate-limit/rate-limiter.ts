import { createBatcher } from '../messages/batcher.ts'
import type { RedisConnection } from '../queues/redis.ts'
import type { Env } from '../settings/env.ts'
import { checkLimit, encodeBatch, type Operation, type RateLimit, type ReserveRequest } from './operations.ts'
import { type Row, runScript } from './script.ts'

/** Operations of one script call: Redis is busy for some milliseconds at most. */
const MAX_BATCH = 200
/** The longest provider call: the default of SEND_TIMEOUT_MS. */
const MAX_CALL_MS = 10_000

/** Start of a system's rate-limit keys: API and worker keep the same books. */
export function rateLimitKeyPrefix({ queuePrefix }: Pick<Env, 'queuePrefix'>): string {
  return `${queuePrefix}:rate`
}

export interface RateLimiterOptions {
  redis: RedisConnection
  /** Start of every key; holds a hash tag, so that a Redis Cluster keeps them together: `{mc-rate}`. */
  keyPrefix: string
  /** The longest that one provider call can take, with its connection set-up. The same in every process. */
  maxCallMs?: number
  /**
   * How many sends of a config may have started within its window, as far as MySQL knows. Asked where Redis is too new to
   * know: it may have been emptied. Without it: none.
   */
  sentBefore?(limit: RateLimit): Promise<number>
  /** Hears of a `settle` that failed; the start then counts from its beginning (a short window: for `maxCallMs` more). */
  onSettleError(error: unknown, limit: RateLimit): void
}

/** Times are epoch ms of Redis's clock; `now` is that clock at the answer: a delay is `slotAt - now`. */
export type Reservation =
  | { reserved: true; configId: string; slotAt: number; now: number }
  /** `freeAt` null: no candidate may send any more this month. */
  | { reserved: false; freeAt: number | null; now: number }

/** A start that may go; handed to `settle` when the provider has answered. */
export interface Started {
  go: true
  now: number
  limit: RateLimit
  bucket: number
  /** Until when, on performance.now()'s clock, the end of the call is in the same bucket as the start. */
  bucketEndsAt: number
  /** How many stood before it in line and have not started yet. */
  ahead: number
}

/** `quotaUsed`: not before next month; there is no slot then. */
export type RateLimitStart = Started | { go: false; slotAt: number; now: number; quotaUsed: boolean }

/** A place in line whose slot has come closer. */
export interface Advanced {
  member: string
  slotAt: number
  now: number
}

/** A config's limit now: `used` has started within the window, `reserved` waits in line. */
export interface RateUsage {
  configId: string
  used: number
  reserved: number
  room: number
  nextFreeAt: number
  now: number
}

export interface RateLimiter {
  /**
   * Reserves a slot: now, on the first group with room (in a pool: where there is most); else, for later, at the end of the
   * line of the first `DEFER` candidate; else none, and `freeAt` tells when a slot would get free. Asked again by the same
   * member: the same answer.
   */
  reserve(request: ReserveRequest): Promise<Reservation>
  /** Several reservations (a message's channels) by one call. */
  reserveAll(requests: readonly ReserveRequest[]): Promise<Reservation[]>
  /**
   * Asked just before the provider is called. `go`: call now. Else come back at `slotAt`: others are ahead, or started
   * meanwhile. Without a reservation (a retry) it takes room that nobody waits for, or a place in the line.
   */
  start(member: string, limit: RateLimit): Promise<RateLimitStart>
  /** When the call is over, however it ended: lets the start count from now. Not awaited; errors go to `onSettleError`. */
  settle(started: Started): void
  /** Instead of `settle`, where no call was made. Not awaited either. */
  giveBack(started: Started): void
  /** Gives a reservation back. @returns whether there was one */
  release(member: string, limit: RateLimit): Promise<boolean>
  /** The first in line, `most` of them at most. */
  peek(limit: RateLimit, most: number): Promise<string[]>
  /**
   * Brings forward those in line who would start within `withinMs`, though they were told a later slot: the limit was
   * raised, or some before them have left. At most the first `most` are looked at.
   */
  advance(limit: RateLimit, withinMs: number, most: number): Promise<Advanced[]>
  snapshot(limits: readonly RateLimit[]): Promise<RateUsage[]>
  /** Resolves when nothing is under way any more. */
  drain(): Promise<void>
}

interface Answer {
  now: number
  row: Row
  configIds: string[]
  /** performance.now() before the script was sent: no later than `now`. */
  askedAt: number
}

/**
 * Rate limits shared by all processes that use the same Redis and prefix, exact under concurrency (rate-limit.lua tells why).
 * What arrives while a call to Redis is under way goes with the next one. Every promise rejects when Redis fails: a system
 * fault, nothing is known of the operation then (asking again is safe and at worst counts a start twice).
 *
 * A changed `count` holds at once, for the log that is there. Another `windowMs` begins a log of its own: what was started
 * before the change counts no more. The line stays; `advance` tells those in it who need not wait as long as they thought.
 */
export function createRateLimiter(options: RateLimiterOptions): RateLimiter {
  const { redis, keyPrefix, maxCallMs = MAX_CALL_MS, sentBefore = async () => 0, onSettleError } = options
  const batcher = createBatcher<Operation, Answer>({ maxItems: MAX_BATCH, flush })

  async function flush(operations: Operation[]): Promise<Answer[]> {
    const { keys, request, configIds } = encodeBatch(operations, keyPrefix, maxCallMs)
    const askedAt = performance.now()
    const { now, answers } = await runScript(redis, keys, request)
    return answers.map((row) => ({ now, row, configIds, askedAt }))
  }

  const learning = new Map<string, Promise<unknown>>()
  /** Tells Redis what it cannot know of a config; those who ask meanwhile wait for the same answer. */
  function learn(limit: RateLimit): Promise<unknown> {
    const name = `${limit.configId} ${limit.windowMs}`
    const known = learning.get(name)
    if (known) return known
    const seed = async () => {
      const sends = Math.min(await sentBefore(limit), limit.count)
      return batcher.add({ name: 'seed', limit, sends })
    }
    const answer = seed().finally(() => learning.delete(name))
    learning.set(name, answer)
    return answer
  }

  async function ask(operation: Operation & { name: 'reserve' | 'start' }): Promise<Answer> {
    const limits = operation.name === 'reserve' ? operation.groups.flat() : [operation.limit]
    for (;;) {
      const answer = await batcher.add(operation)
      const [unsure, number] = answer.row.map(Number)
      if (unsure !== UNSURE) return answer
      const limit = limits.find(({ configId }) => configId === answer.configIds[Number(number) - 1])
      if (!limit) throw new Error('the rate-limit script is unsure of a config that was not asked for')
      await learn(limit)
    }
  }

  async function reserve({ member, groups }: ReserveRequest): Promise<Reservation> {
    const candidates = groups.flat()
    if (candidates.length === 0) throw new RangeError(`no candidate to reserve for ${member}`)
    candidates.forEach(checkLimit)
    return toReservation(await ask({ name: 'reserve', member, groups }))
  }

  function settle({ limit, bucket, bucketEndsAt }: Started): void {
    // A short window's start is a flight until it is settled (rate-limit.lua): there nothing can be skipped.
    const alreadyThere = limit.windowMs > 2 * maxCallMs && performance.now() < bucketEndsAt
    if (alreadyThere) return
    batcher.add({ name: 'settle', limit, bucket }).catch((error: unknown) => onSettleError(error, limit))
  }

  function giveBack({ limit, bucket }: Started): void {
    batcher.add({ name: 'giveBack', limit, bucket }).catch((error: unknown) => onSettleError(error, limit))
  }

  async function advance(limit: RateLimit, withinMs: number, most: number): Promise<Advanced[]> {
    checkLimit(limit)
    const { row, now } = await batcher.add({ name: 'advance', limit, withinMs, most })
    return row.flatMap((member, index) =>
      index % 2 === 0 ? [{ member: String(member), slotAt: Number(row[index + 1]), now }] : [],
    )
  }

  async function snapshot(limit: RateLimit): Promise<RateUsage> {
    checkLimit(limit)
    return toUsage(await batcher.add({ name: 'snapshot', limit }), limit)
  }

  return {
    reserve,
    reserveAll: (requests) => Promise.all(requests.map(reserve)),
    async start(member, limit) {
      checkLimit(limit)
      return toStart(await ask({ name: 'start', member, limit }), limit)
    },
    settle,
    giveBack,
    advance,
    async peek(limit, most) {
      checkLimit(limit)
      const { row } = await batcher.add({ name: 'peek', limit, most })
      return row.map(String)
    },
    async release(member, limit) {
      checkLimit(limit)
      const { row } = await batcher.add({ name: 'release', member, limit })
      return row[0] === 1
    },
    snapshot: (limits) => Promise.all(limits.map(snapshot)),
    drain: () => batcher.drain(),
  }
}

function toReservation({ now, row, configIds }: Answer): Reservation {
  const [config = 0, time = now] = row.map(Number)
  const configId = configIds[config - 1]
  if (configId !== undefined) return { reserved: true, configId, slotAt: time, now }
  return { reserved: false, freeAt: time === 0 ? null : time, now }
}

/** The script's answers to `start`. */
const UNSURE = -1
const GO = 1
const QUOTA_USED = 2

function toStart({ now, row, askedAt }: Answer, limit: RateLimit): RateLimitStart {
  const [answer, second = now, bucketEnd = now, ahead = 0] = row.map(Number)
  if (answer !== GO) return { go: false, slotAt: second, now, quotaUsed: answer === QUOTA_USED }
  return { go: true, now, limit, bucket: second, bucketEndsAt: askedAt + bucketEnd - now, ahead }
}

function toUsage({ now, row }: Answer, { configId }: RateLimit): RateUsage {
  const [used = 0, reserved = 0, room = 0, nextFreeAt = now] = row.map(Number)
  return { configId, used, reserved, room, nextFreeAt, now }
}
