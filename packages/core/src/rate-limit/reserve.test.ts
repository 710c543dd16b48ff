import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, it } from 'vitest'
import { connect, HOUR, limiterFor, limitOf, names } from './rate-limiter-fixture.ts'

const redis = connect()
afterAll(() => redis.quit())

it('takes exactly what there is from 600 that ask over three connections at once', async () => {
  const { keyPrefix } = limiterFor({ redis })
  const connections = [connect(), connect(), connect()]
  const limiters = connections.map((connection) => limiterFor({ redis: connection, keyPrefix }).limiter)
  const groups = [[limitOf('7', 50, HOUR)]]
  const answers = await Promise.all(
    limiters.flatMap((limiter, index) => names(200, `c${index}-`).map((member) => limiter.reserve({ member, groups }))),
  )
  expect(answers.filter(({ reserved }) => reserved)).toHaveLength(50)
  const refused = answers.filter((answer) => !answer.reserved)
  expect(refused.every(({ freeAt, now }) => (freeAt ?? 0) >= now + HOUR)).toBe(true)
  await Promise.all(connections.map((connection) => connection.quit()))
})

it('fills by priority, in a pool where there is most room, and defers only when all are full', async () => {
  const { limiter } = limiterFor({ redis })
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
  const { limiter } = limiterFor({ redis })
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
  const { limiter } = limiterFor({ redis })
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
  const { limiter } = limiterFor({ redis, maxCallMs: 1000 })
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
  const { limiter } = limiterFor({ redis })
  const limit = limitOf('7', 1, HOUR)
  await limiter.reserve({ member: 'a', groups: [[limit]] })
  expect(await limiter.reserve({ member: 'b', groups: [[limit]] })).toMatchObject({ reserved: false })
  expect(await limiter.release('a', limit)).toBe(true)
  expect(await limiter.release('a', limit)).toBe(false)
  expect(await limiter.reserve({ member: 'b', groups: [[limit]] })).toMatchObject({ reserved: true, configId: '7' })
})

it('forgets a reservation whose task has died, long after its slot', async () => {
  const { limiter, keyPrefix } = limiterFor({ redis })
  const limit = limitOf('7', 1, 1000)
  const reserved = await limiter.reserve({ member: 'dead', groups: [[limit]] })
  const line = `${keyPrefix}:7:line`
  await redis.zadd(line, reserved.now - 55_000, 'dead')
  expect(await limiter.snapshot([limit])).toMatchObject([{ reserved: 1 }])
  await redis.zadd(line, reserved.now - 61_000, 'dead')
  expect(await limiter.snapshot([limit])).toMatchObject([{ reserved: 0, room: 1 }])
})

it('keeps those in line whose line is late as a whole', async () => {
  const { limiter, keyPrefix } = limiterFor({ redis })
  const limit = limitOf('7', 3, 1000)
  const { now } = await limiter.reserve({ member: 'a', groups: [[limit]] })
  const line = `${keyPrefix}:7:line`
  await redis.zadd(line, now - 50_000, 'a')
  expect(await limiter.start('a', limit)).toMatchObject({ go: true })
  await redis.zadd(line, now - 100_000, 'b', now - 130_000, 'c')
  await limiter.snapshot([limit])
  expect(await redis.zrange(line, '0', '-1')).toEqual(['b'])
})
