import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, it } from 'vitest'
import { connect, HOUR, limiterFor, limitOf, names } from './rate-limiter-fixture.ts'

const redis = connect()
afterAll(() => redis.quit())

it('keeps the order of arrival among those of the same slot', async () => {
  const { limiter } = limiterFor({ redis })
  const limit = limitOf('7', 50, HOUR, 'DEFER')
  await limiter.reserveAll(names(30, 'z').map((member) => ({ member, groups: [[limit]] })))
  expect(await limiter.peek(limit, 30)).toEqual(names(30, 'z'))
})

it('lets nobody start for whom there is room only because one ahead has not come yet', async () => {
  const { limiter } = limiterFor({ redis, maxCallMs: 1000 })
  const limit = limitOf('7', 2, HOUR, 'DEFER')
  await limiter.reserveAll(['a', 'b', 'c'].map((member) => ({ member, groups: [[limit]] })))
  const raised = { ...limit, count: 3 }
  await limiter.advance(raised, HOUR, 10)
  await limiter.start('a', raised)
  // Two are free, for b and c; d came later and would take c's.
  await limiter.reserve({ member: 'd', groups: [[raised]] })
  expect(await limiter.start('c', raised)).toMatchObject({ go: true, ahead: 1 })
  expect(await limiter.start('d', raised)).toMatchObject({ go: false })
  expect(await limiter.start('b', raised)).toMatchObject({ go: true, ahead: 0 })
})

it('waits for one ahead who has died only for as long as he may be late', async () => {
  const { limiter, keyPrefix } = limiterFor({ redis, maxCallMs: 1000 })
  const limit = limitOf('7', 1, HOUR, 'DEFER')
  const { now } = await limiter.reserve({ member: 'dead', groups: [[limit]] })
  const line = `${keyPrefix}:7:line`
  await redis.zadd(line, now - 50_000, 'dead', now - 10, 'next')
  const held = await limiter.start('next', limit)
  if (held.go) throw new Error('must wait')
  expect(held.slotAt - held.now).toBeLessThanOrEqual(5_000)
  await redis.zadd(line, now - 61_000, 'dead')
  expect(await limiter.start('next', limit)).toMatchObject({ go: true })
})

it('brings forward as many as a raised limit lets start soon, in order, and leaves the others in peace', async () => {
  const { limiter } = limiterFor({ redis })
  const limit = limitOf('7', 1, HOUR, 'DEFER')
  await limiter.start('first', limit)
  await limiter.reserveAll(names(20).map((member) => ({ member, groups: [[limit]] })))
  const raised = { ...limit, count: 6 }
  const advanced = await limiter.advance(raised, 20_000, 1000)
  expect(advanced.map(({ member }) => member)).toEqual(names(5))
  expect(advanced.every(({ slotAt, now }) => slotAt <= now)).toBe(true)
  expect(await limiter.advance(raised, 20_000, 1000)).toEqual([])
  for (const member of names(5)) expect(await limiter.start(member, raised)).toMatchObject({ go: true })
  const sixth = await limiter.start('m5', raised)
  expect(sixth).toMatchObject({ go: false })
})

it('brings forward whom a gap in the line lets start, and a line outlives a change of the window', async () => {
  const { limiter } = limiterFor({ redis })
  const limit = limitOf('7', 1, HOUR, 'DEFER')
  await limiter.start('first', limit)
  await limiter.reserveAll(names(3).map((member) => ({ member, groups: [[limit]] })))
  await limiter.release('m0', limit)
  const [gap] = await limiter.advance(limit, 2 * HOUR, 1000)
  expect(gap?.member).toBe('m1')
  expect((gap?.slotAt ?? 0) - (gap?.now ?? 0)).toBeLessThan(HOUR + HOUR / 500)
  const shorter = { ...limit, windowMs: 50 }
  const advanced = await limiter.advance(shorter, 20_000, 1000)
  expect(advanced.map(({ member }) => member)).toEqual(['m1', 'm2'])
  expect(await limiter.start('m1', shorter)).toMatchObject({ go: true })
})

it('does not let newcomers pass those who have yet to learn that there is room', async () => {
  const { limiter } = limiterFor({ redis })
  const limit = limitOf('7', 1, HOUR, 'DEFER')
  await limiter.start('first', limit)
  const waits = await limiter.reserve({ member: 'waits', groups: [[limit]] })
  const raised = { ...limit, count: 10 }
  const comes = await limiter.reserve({ member: 'comes', groups: [[raised]] })
  if (!waits.reserved || !comes.reserved) throw new Error('both wait')
  expect(comes.slotAt).toBeGreaterThanOrEqual(waits.slotAt)
  await limiter.advance(raised, 20_000, 100)
  expect(await limiter.peek(raised, 10)).toEqual(['waits', 'comes'])
})

it('forgets a start that led to no call', async () => {
  const { limiter } = limiterFor({ redis, maxCallMs: 1000 })
  for (const limit of [limitOf('short', 1, 500), limitOf('long', 1, HOUR)]) {
    const started = await limiter.start('a', limit)
    if (!started.go) throw new Error('must go')
    await sleep(2)
    limiter.giveBack(started)
    expect(await limiter.start('b', limit)).toMatchObject({ go: true })
  }
})
