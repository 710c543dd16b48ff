import { Redis } from 'ioredis'
import { afterAll, expect, it } from 'vitest'
import { connect, DAY, HOUR, limiterFor, limitOf, names, POLL } from './rate-limiter-fixture.ts'

const redis = connect()
afterAll(() => redis.quit())

it('stay small whatever the count, and live no longer than they are of use', async () => {
  const { limiter, keyPrefix } = limiterFor({ redis })
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
  for (const key of await redis.keys(`${keyPrefix}:*:*`)) {
    const entries = key.endsWith('ounts') ? await redis.hlen(key) : await redis.zcard(key)
    expect(entries, key).toBeLessThanOrEqual(1010)
    const window = key.includes('slow') ? DAY : 1000
    expect(await redis.pttl(key), key).toBeGreaterThan(window)
    expect(await redis.pttl(key), key).toBeLessThanOrEqual(2 * window + 70_000)
  }
})

it('outlive the last slot of a line', async () => {
  const { limiter, keyPrefix } = limiterFor({ redis })
  const groups = [[limitOf('7', 1, HOUR, 'DEFER')]]
  const answers = await limiter.reserveAll(names(6).map((member) => ({ member, groups })))
  const last = answers.at(-1)
  if (!last?.reserved) throw new Error('not reserved')
  expect(await redis.pttl(`${keyPrefix}:7:line`)).toBeGreaterThan(last.slotAt - last.now)
})

it('begin anew with another window', async () => {
  const { limiter } = limiterFor({ redis })
  await limiter.start('a', limitOf('7', 1, HOUR))
  expect(await limiter.start('b', limitOf('7', 1, DAY))).toMatchObject({ go: true })
})

it('goes on when Redis has lost the script', async () => {
  const { limiter } = limiterFor({ redis })
  await limiter.start('a', limitOf('7', 5, HOUR))
  await redis.script('FLUSH')
  expect(await limiter.start('b', limitOf('7', 5, HOUR))).toMatchObject({ go: true })
})

it('rejects what was asked when Redis cannot answer, and tells of a settle that failed', async () => {
  const connection = new Redis(process.env.REDIS_URL ?? '', {
    lazyConnect: true,
    enableOfflineQueue: false,
    retryStrategy: () => null,
  })
  const errors: unknown[] = []
  const { limiter } = limiterFor({ redis: connection, onSettleError: (error) => errors.push(error) })
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
  const { limiter } = limiterFor({ redis })
  const answers = await Promise.allSettled([
    limiter.start('a', limitOf('7', 0, HOUR)),
    limiter.start('a', limitOf('7', 1, 0.5)),
    limiter.reserve({ member: 'a', groups: [[]] }),
    limiter.start('b', limitOf('7', 1, HOUR)),
  ])
  expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'fulfilled'])
})
