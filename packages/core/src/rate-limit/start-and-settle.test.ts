import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, it } from 'vitest'
import { connect, HOUR, limiterFor, limitOf, names, POLL } from './rate-limiter-fixture.ts'

const redis = connect()
afterAll(() => redis.quit())

it('goes with a reservation that is due, once; the second time it takes a slot of its own', async () => {
  const { limiter } = limiterFor({ redis })
  const limit = limitOf('7', 2, HOUR)
  await limiter.reserve({ member: 'a', groups: [[limit]] })
  expect(await limiter.start('a', limit)).toMatchObject({ go: true })
  expect(await limiter.snapshot([limit])).toMatchObject([{ used: 1, reserved: 0, room: 1 }])
  expect(await limiter.start('a', limit)).toMatchObject({ go: true })
  expect(await limiter.snapshot([limit])).toMatchObject([{ used: 2, reserved: 0, room: 0 }])
})

it('never refuses a retry: it waits in line and is told when, the same each time', async () => {
  const { limiter } = limiterFor({ redis })
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
  const { limiter } = limiterFor({ redis })
  const limit = limitOf('7', 1, HOUR)
  await limiter.reserve({ member: 'a', groups: [[limit]] })
  expect(await limiter.start('retry', limit)).toMatchObject({ go: false })
  expect(await limiter.start('a', limit)).toMatchObject({ go: true })
})

it('holds back a due reservation while others have used the window up, and keeps its place', async () => {
  const { limiter } = limiterFor({ redis, maxCallMs: 10 })
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
  const { limiter, keyPrefix } = limiterFor({ redis, maxCallMs: 1000 })
  const limit = limitOf('7', 2, HOUR)
  const { now } = await limiter.reserve({ member: 'm0', groups: [[limit]] })
  for (const [place, member] of names(6).entries()) await redis.zadd(`${keyPrefix}:7:line`, now - 100 + place, member)
  const answers = await Promise.all(['m1', 'm0', 'm5', 'm4', 'm3', 'm2'].map((member) => limiter.start(member, limit)))
  const waits = answers.map((answer) => (answer.go ? 0 : Math.floor((answer.slotAt - answer.now) / HOUR)))
  expect(waits).toEqual([0, 0, 2, 2, 1, 1])
})

it('holds a changed count for what has been started before', async () => {
  const { limiter } = limiterFor({ redis })
  await limiter.start('a', limitOf('7', 1, HOUR))
  await limiter.start('b', limitOf('7', 2, HOUR))
  expect(await limiter.start('c', limitOf('7', 2, HOUR))).toMatchObject({ go: false })
  expect(await limiter.snapshot([limitOf('7', 10, HOUR)])).toMatchObject([{ used: 2, room: 7 }])
})

it('goes by the smaller count where callers differ', async () => {
  const { limiter } = limiterFor({ redis })
  const answers = await Promise.all([
    limiter.start('a', limitOf('7', 5, HOUR)),
    limiter.start('b', limitOf('7', 1, HOUR)),
    limiter.start('c', limitOf('7', 5, HOUR)),
  ])
  expect(answers.map(({ go }) => go)).toEqual([true, false, false])
})

it('lets a start count from the end of its call', async () => {
  const { limiter, keyPrefix } = limiterFor({ redis, maxCallMs: 100 })
  const limit = limitOf('7', 5, 1000)
  const started = await limiter.start('a', limit)
  if (!started.go) throw new Error('must go')
  await sleep(20)
  limiter.settle(started)
  await limiter.drain()
  const buckets = (await redis.zrange(`${keyPrefix}:7:1000:starts`, '0', '-1')).map(Number)
  expect(buckets).toHaveLength(1)
  expect(buckets[0]).toBeGreaterThanOrEqual(started.now + 19)
  expect(await limiter.snapshot([limit])).toMatchObject([{ used: 1 }])
})

it('counts a call that outlasts a short window until it is settled', async () => {
  const { limiter } = limiterFor({ redis })
  const limit = limitOf('7', 1, 30)
  const started = await limiter.start('a', limit)
  if (!started.go) throw new Error('must go')
  await expect.poll(async () => (await limiter.snapshot([limit]))[0]?.now, POLL).toBeGreaterThan(started.now + 100)
  expect(await limiter.start('b', limit)).toMatchObject({ go: false })
  limiter.settle(started)
  await expect.poll(async () => (await limiter.start('b', limit)).go, POLL).toBe(true)
})

it('counts a call that nobody settles for the longest call more, not for ever', async () => {
  const { limiter } = limiterFor({ redis, maxCallMs: 60 })
  const limit = limitOf('7', 1, 30)
  const first = await limiter.start('dead', limit)
  await expect.poll(async () => (await limiter.start('next', limit)).go, POLL).toBe(true)
  const [usage] = await limiter.snapshot([limit])
  expect((usage?.now ?? 0) - first.now).toBeGreaterThanOrEqual(90)
})

it('spares Redis where the end is in the same bucket', async () => {
  const { limiter, keyPrefix } = limiterFor({ redis, maxCallMs: 100 })
  const started = await limiter.start('a', limitOf('7', 5, 1000))
  if (!started.go) throw new Error('must go')
  const buckets = () => redis.zrange(`${keyPrefix}:7:1000:starts`, '0', '-1')
  await sleep(20)
  limiter.settle({ ...started, bucketEndsAt: performance.now() + 1000 })
  await limiter.drain()
  expect(await buckets()).toEqual([`${started.bucket}`])
  limiter.settle({ ...started, bucketEndsAt: performance.now() })
  await limiter.drain()
  expect(await buckets()).not.toEqual([`${started.bucket}`])
})

it('counts what others know to have been sent, where Redis was emptied: once, and only within the window', async () => {
  const asked: string[] = []
  const sentBefore = async ({ configId }: { configId: string }) => {
    asked.push(configId)
    return 9
  }
  const { limiter, keyPrefix } = limiterFor({ redis, sentBefore, maxCallMs: 10 })
  const [hourly, short] = [limitOf('hourly', 10, HOUR), limitOf('short', 3, 30)]
  const answers = await Promise.all(names(5).map((member) => limiter.start(member, hourly)))
  expect(answers.map(({ go }) => go)).toEqual([true, false, false, false, false])
  expect(asked).toEqual(['hourly'])
  await expect.poll(async () => (await limiter.start('a', short)).go, POLL).toBe(true)
  await redis.set(`${keyPrefix}:since`, Date.now() - 2 * HOUR)
  expect(await limiter.start('a', limitOf('later', 1, HOUR))).toMatchObject({ go: true })
  expect(asked).not.toContain('later')
})
