import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, it } from 'vitest'
import type { Candidate } from './operations.ts'
import { createRateLimiter, type RateLimiterOptions } from './rate-limiter.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const POLL = { timeout: 20_000 }
const url = process.env.REDIS_URL ?? ''
const redis = new Redis(url)
afterAll(() => redis.quit())

/** A limiter with keys of its own. */
function setUp(options: Partial<RateLimiterOptions> = {}) {
  const keyPrefix = `{rate-${randomUUID()}}`
  const onSettleError = (error: unknown) => {
    throw error
  }
  const limiter = createRateLimiter({ redis, keyPrefix, onSettleError, ...options })
  return { limiter, keyPrefix }
}

function limitOf(configId: string, count: number, windowMs: number, policy: Candidate['policy'] = 'REJECT'): Candidate {
  return { configId, count, windowMs, policy }
}

const names = (count: number, prefix = 'm') => Array.from({ length: count }, (_, index) => `${prefix}${index}`)

describe('reserve', () => {
  it('takes exactly what there is from 600 that ask over three connections at once', async () => {
    const { keyPrefix } = setUp()
    const connections = [new Redis(url), new Redis(url), new Redis(url)]
    const limiters = connections.map((connection) => setUp({ redis: connection, keyPrefix }).limiter)
    const groups = [[limitOf('7', 50, HOUR)]]
    const answers = await Promise.all(
      limiters.flatMap((limiter, index) =>
        names(200, `c${index}-`).map((member) => limiter.reserve({ member, groups })),
      ),
    )
    expect(answers.filter(({ reserved }) => reserved)).toHaveLength(50)
    const refused = answers.filter((answer) => !answer.reserved)
    expect(refused.every(({ freeAt, now }) => freeAt >= now + HOUR)).toBe(true)
    await Promise.all(connections.map((connection) => connection.quit()))
  })

  it('fills by priority, in a pool where there is most room, and defers only when all are full', async () => {
    const { limiter } = setUp()
    const groups = [
      [limitOf('first', 1, HOUR, 'DEFER')],
      [limitOf('small', 2, HOUR), limitOf('large', 3, HOUR)],
      [limitOf('last', 1, HOUR, 'DEFER')],
    ]
    const taken: string[] = []
    let later = 0
    for (const member of names(8)) {
      const answer = await limiter.reserve({ member, groups })
      taken.push(answer.reserved ? answer.configId : 'none')
      if (answer.reserved && answer.slotAt > answer.now) later += 1
    }
    // large 3 → 2 (as much as small, which comes first) …
    expect(taken).toEqual(['first', 'large', 'small', 'large', 'small', 'large', 'last', 'first'])
    expect(later).toBe(1)
  })

  it('gives a member that asks again the same answer, now or later, and takes no second slot', async () => {
    const { limiter } = setUp()
    const limit = limitOf('7', 1, HOUR, 'DEFER')
    const now = await limiter.reserve({ member: 'a', groups: [[limit]] })
    const later = await limiter.reserve({ member: 'b', groups: [[limit]] })
    const [again, laterAgain] = await limiter.reserveAll([
      { member: 'a', groups: [[limit]] },
      { member: 'b', groups: [[limitOf('other', 5, HOUR)], [limit]] },
    ])
    expect(again).toEqual({ ...now, now: again?.now })
    expect(laterAgain).toEqual({ ...later, now: laterAgain?.now })
    expect(await limiter.snapshot([limit])).toMatchObject([{ used: 0, reserved: 2, room: 0 }])
  })

  it('spreads a line by the window, first come first', async () => {
    const { limiter } = setUp()
    const groups = [[limitOf('7', 3, HOUR, 'DEFER')]]
    const answers = await limiter.reserveAll(names(9).map((member) => ({ member, groups })))
    const now = answers[0]?.now ?? 0
    const slots = answers.map((answer) => (answer.reserved ? answer.slotAt - now : Number.NaN))
    slots.forEach((slot, index) => {
      const round = Math.floor(index / 3)
      expect(slot).toBeGreaterThanOrEqual(round * HOUR)
      // A bucket is a thousandth of the window: so much later at most, each round.
      expect(slot).toBeLessThanOrEqual(round * (HOUR + HOUR / 1000))
    })
  })

  it('puts nobody before those in line, not even where one has left it', async () => {
    const { limiter } = setUp({ maxCallMs: 1000 })
    const limit = limitOf('7', 3, 30_000, 'DEFER')
    const groups = [[limit]]
    for (const member of names(3)) {
      const started = await limiter.start(member, limit)
      if (started.go) await sleep(started.bucketEndsAt - performance.now() + 1)
    }
    const answers = await limiter.reserveAll(['a', 'b', 'c'].map((member) => ({ member, groups })))
    await Promise.all([limiter.release('a', limit), limiter.release('b', limit)])
    const next = await limiter.reserve({ member: 'd', groups })
    const last = answers.at(-1)
    if (!next.reserved || !last?.reserved) throw new Error('not reserved')
    expect(next.slotAt).toBeGreaterThanOrEqual(last.slotAt)
  })

  it('gives a released slot to the next', async () => {
    const { limiter } = setUp()
    const limit = limitOf('7', 1, HOUR)
    await limiter.reserve({ member: 'a', groups: [[limit]] })
    expect(await limiter.reserve({ member: 'b', groups: [[limit]] })).toMatchObject({ reserved: false })
    expect(await limiter.release('a', limit)).toBe(true)
    expect(await limiter.release('a', limit)).toBe(false)
    expect(await limiter.reserve({ member: 'b', groups: [[limit]] })).toMatchObject({ reserved: true, configId: '7' })
  })

  it('forgets a reservation whose task has died, long after its slot', async () => {
    const { limiter, keyPrefix } = setUp()
    const limit = limitOf('7', 1, 1000)
    const reserved = await limiter.reserve({ member: 'dead', groups: [[limit]] })
    const line = `${keyPrefix}:7:1000:line`
    await redis.zadd(line, reserved.now - 55_000, 'dead')
    expect(await limiter.snapshot([limit])).toMatchObject([{ reserved: 1 }])
    await redis.zadd(line, reserved.now - 61_000, 'dead')
    expect(await limiter.snapshot([limit])).toMatchObject([{ reserved: 0, room: 1 }])
  })

  it('keeps those in line whose line is late as a whole', async () => {
    const { limiter, keyPrefix } = setUp()
    const limit = limitOf('7', 3, 1000)
    const { now } = await limiter.reserve({ member: 'a', groups: [[limit]] })
    const line = `${keyPrefix}:7:1000:line`
    await redis.zadd(line, now - 59_000, 'a')
    expect(await limiter.start('a', limit)).toMatchObject({ go: true })
    await redis.zadd(line, now - 100_000, 'b', now - 130_000, 'c')
    await limiter.snapshot([limit])
    expect(await redis.zrange(line, '0', '-1')).toEqual(['b'])
  })
})

describe('start', () => {
  it('goes with a reservation that is due, once; the second time it takes a slot of its own', async () => {
    const { limiter } = setUp()
    const limit = limitOf('7', 2, HOUR)
    await limiter.reserve({ member: 'a', groups: [[limit]] })
    expect(await limiter.start('a', limit)).toMatchObject({ go: true })
    expect(await limiter.snapshot([limit])).toMatchObject([{ used: 1, reserved: 0, room: 1 }])
    expect(await limiter.start('a', limit)).toMatchObject({ go: true })
    expect(await limiter.snapshot([limit])).toMatchObject([{ used: 2, reserved: 0, room: 0 }])
  })

  it('never refuses a retry: it waits in line and is told when, the same each time', async () => {
    const { limiter } = setUp()
    const limit = limitOf('7', 1, HOUR)
    const first = await limiter.start('a', limit)
    const second = await limiter.start('b', limit)
    const third = await limiter.start('c', limit)
    expect(first.go).toBe(true)
    if (second.go || third.go) throw new Error('only one may go')
    expect(second.slotAt - first.now).toBeGreaterThanOrEqual(HOUR)
    expect(third.slotAt - second.slotAt).toBeGreaterThanOrEqual(HOUR)
    expect(await limiter.start('b', limit)).toMatchObject({ go: false, slotAt: second.slotAt })
  })

  it('does not let a retry pass those who have reserved', async () => {
    const { limiter } = setUp()
    const limit = limitOf('7', 1, HOUR)
    await limiter.reserve({ member: 'a', groups: [[limit]] })
    expect(await limiter.start('retry', limit)).toMatchObject({ go: false })
    expect(await limiter.start('a', limit)).toMatchObject({ go: true })
  })

  it('holds back a due reservation while others have used the window up, and keeps its place', async () => {
    const { limiter } = setUp({ maxCallMs: 10 })
    const limit = limitOf('7', 1, 300, 'DEFER')
    await limiter.start('a', limit)
    const [, last] = await limiter.reserveAll(['b', 'c'].map((member) => ({ member, groups: [[limit]] })))
    if (!last?.reserved) throw new Error('not reserved')
    // Both slots pass; then b goes, and c has to wait for a window though its slot is due.
    await expect.poll(async () => (await limiter.snapshot([limit]))[0]?.now, POLL).toBeGreaterThan(last.slotAt)
    const [b, c] = await Promise.all([limiter.start('b', limit), limiter.start('c', limit)])
    if (!b.go || c.go) throw new Error('one and only one may go')
    expect(c.slotAt).toBeGreaterThanOrEqual(b.now + 300)
    expect(await limiter.snapshot([limit])).toMatchObject([{ reserved: 1 }])
  })

  it('tells those who are late together one after the other when to come', async () => {
    const { limiter, keyPrefix } = setUp({ maxCallMs: 1000 })
    const limit = limitOf('7', 2, HOUR)
    const { now } = await limiter.reserve({ member: 'm0', groups: [[limit]] })
    for (const [place, member] of names(6).entries())
      await redis.zadd(`${keyPrefix}:7:${HOUR}:line`, now - 100 + place, member)
    const answers = await Promise.all(
      ['m1', 'm0', 'm5', 'm4', 'm3', 'm2'].map((member) => limiter.start(member, limit)),
    )
    const waits = answers.map((answer) => (answer.go ? 0 : Math.floor((answer.slotAt - answer.now) / HOUR)))
    expect(waits).toEqual([0, 0, 2, 2, 1, 1])
  })

  it('holds a changed count for what has been started before', async () => {
    const { limiter } = setUp()
    await limiter.start('a', limitOf('7', 1, HOUR))
    await limiter.start('b', limitOf('7', 2, HOUR))
    expect(await limiter.start('c', limitOf('7', 2, HOUR))).toMatchObject({ go: false })
    expect(await limiter.snapshot([limitOf('7', 10, HOUR)])).toMatchObject([{ used: 2, room: 7 }])
  })

  it('goes by the smaller count where callers differ', async () => {
    const { limiter } = setUp()
    const answers = await Promise.all([
      limiter.start('a', limitOf('7', 5, HOUR)),
      limiter.start('b', limitOf('7', 1, HOUR)),
      limiter.start('c', limitOf('7', 5, HOUR)),
    ])
    expect(answers.map(({ go }) => go)).toEqual([true, false, false])
  })
})

describe('settle', () => {
  it('lets a start count from the end of its call', async () => {
    const { limiter, keyPrefix } = setUp({ maxCallMs: 100 })
    const limit = limitOf('7', 5, 300)
    const started = await limiter.start('a', limit)
    if (!started.go) throw new Error('must go')
    await sleep(20)
    limiter.settle(started)
    await limiter.drain()
    const buckets = (await redis.zrange(`${keyPrefix}:7:300:starts`, '0', '-1')).map(Number)
    expect(buckets).toHaveLength(1)
    expect(buckets[0]).toBeGreaterThanOrEqual(started.now + 19)
    expect(await limiter.snapshot([limit])).toMatchObject([{ used: 1 }])
  })

  it('counts a call that outlasts a short window until it is settled', async () => {
    const { limiter } = setUp()
    const limit = limitOf('7', 1, 30)
    const started = await limiter.start('a', limit)
    if (!started.go) throw new Error('must go')
    await expect.poll(async () => (await limiter.snapshot([limit]))[0]?.now, POLL).toBeGreaterThan(started.now + 100)
    expect(await limiter.start('b', limit)).toMatchObject({ go: false })
    limiter.settle(started)
    await expect.poll(async () => (await limiter.start('b', limit)).go, POLL).toBe(true)
  })

  it('counts a call that nobody settles for the longest call more, not for ever', async () => {
    const { limiter } = setUp({ maxCallMs: 60 })
    const limit = limitOf('7', 1, 30)
    const first = await limiter.start('dead', limit)
    await expect.poll(async () => (await limiter.start('next', limit)).go, POLL).toBe(true)
    const [usage] = await limiter.snapshot([limit])
    expect((usage?.now ?? 0) - first.now).toBeGreaterThanOrEqual(90)
  })

  it('spares Redis where the end is in the same bucket', async () => {
    const { limiter, keyPrefix } = setUp()
    const limit = limitOf('7', 5, DAY)
    const started = await limiter.start('a', limit)
    if (!started.go) throw new Error('must go')
    const commands = async () => Number(/cmdstat_evalsha:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1])
    const before = await commands()
    limiter.settle({ ...started, bucketEndsAt: performance.now() + 1000 })
    await limiter.drain()
    expect(await commands()).toBe(before)
    limiter.settle({ ...started, bucketEndsAt: performance.now() })
    await limiter.drain()
    expect(await commands()).toBe(before + 1)
    expect(await redis.zcard(`${keyPrefix}:7:${DAY}:starts`)).toBeLessThanOrEqual(1)
  })
})

describe('keys', () => {
  it('stay small whatever the count, and live no longer than they are of use', async () => {
    const { limiter, keyPrefix } = setUp()
    const second = limitOf('fast', 100_000, 1000)
    const day = limitOf('slow', 1_000_000, DAY)
    let goes = 0
    for (let round = 0; round < 40; round += 1) {
      const answers = await Promise.all(
        names(250).flatMap((member) => [second, day].map((each) => limiter.start(member, each))),
      )
      goes += answers.filter(({ go }) => go).length
      for (const answer of answers) if (answer.go) limiter.settle(answer)
    }
    await limiter.drain()
    expect(goes).toBe(20_000)
    expect(await limiter.snapshot([day])).toMatchObject([{ used: 10_000, room: 990_000 }])
    for (const key of await redis.keys(`${keyPrefix}*`)) {
      const entries = key.endsWith('ounts') ? await redis.hlen(key) : await redis.zcard(key)
      expect(entries, key).toBeLessThanOrEqual(1010)
      const window = key.includes('slow') ? DAY : 1000
      expect(await redis.pttl(key), key).toBeGreaterThan(window)
      expect(await redis.pttl(key), key).toBeLessThanOrEqual(2 * window + 70_000)
    }
  })

  it('outlive the last slot of a line', async () => {
    const { limiter, keyPrefix } = setUp()
    const groups = [[limitOf('7', 1, HOUR, 'DEFER')]]
    const answers = await limiter.reserveAll(names(6).map((member) => ({ member, groups })))
    const last = answers.at(-1)
    if (!last?.reserved) throw new Error('not reserved')
    expect(await redis.pttl(`${keyPrefix}:7:${HOUR}:line`)).toBeGreaterThan(last.slotAt - last.now)
  })

  it('begin anew with another window', async () => {
    const { limiter } = setUp()
    await limiter.start('a', limitOf('7', 1, HOUR))
    expect(await limiter.start('b', limitOf('7', 1, DAY))).toMatchObject({ go: true })
  })
})

describe('failures', () => {
  it('goes on when Redis has lost the script', async () => {
    const { limiter } = setUp()
    await limiter.start('a', limitOf('7', 5, HOUR))
    await redis.script('FLUSH')
    expect(await limiter.start('b', limitOf('7', 5, HOUR))).toMatchObject({ go: true })
  })

  it('rejects what was asked when Redis cannot answer, and tells of a settle that failed', async () => {
    const connection = new Redis(url, { lazyConnect: true, enableOfflineQueue: false, retryStrategy: () => null })
    const errors: unknown[] = []
    const { limiter } = setUp({ redis: connection, onSettleError: (error) => errors.push(error) })
    const limit = limitOf('7', 5, HOUR)
    await connection.connect()
    const started = await limiter.start('a', limit)
    if (!started.go) throw new Error('must go')
    connection.disconnect()
    await expect(limiter.start('b', limit)).rejects.toThrow()
    await expect(limiter.reserve({ member: 'b', groups: [[limit]] })).rejects.toThrow()
    limiter.settle({ ...started, bucketEndsAt: 0 })
    await limiter.drain()
    await expect.poll(() => errors, POLL).toHaveLength(1)
  })

  it('refuses what makes no sense without touching what others ask', async () => {
    const { limiter } = setUp()
    const answers = await Promise.allSettled([
      limiter.start('a', limitOf('7', 0, HOUR)),
      limiter.start('a', limitOf('7', 1, 0.5)),
      limiter.reserve({ member: 'a', groups: [[]] }),
      limiter.start('b', limitOf('7', 1, HOUR)),
    ])
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'fulfilled'])
  })
})
