import { afterAll, expect, it } from 'vitest'
import type { Candidate } from './operations.ts'
import { connect, HOUR, limiterFor, limitOf, names } from './rate-limiter-fixture.ts'

const redis = connect()
afterAll(() => redis.quit())

/** A limit that is never reached, and a quota. */
function withQuota(configId: string, most: number, policy: Candidate['policy'] = 'REJECT', count = 100): Candidate {
  return { ...limitOf(configId, count, HOUR, policy), quota: { most, month: '2026-11', known: 0 } }
}

it('lets exactly so many start in a month, retries included, and the next month begins anew', async () => {
  const { limiter } = limiterFor({ redis })
  const limit = withQuota('7', 3)
  const answers = await Promise.all(names(10).map((member) => limiter.start(member, limit)))
  expect(answers.filter(({ go }) => go)).toHaveLength(3)
  expect(answers.filter((answer) => !answer.go && answer.quotaUsed)).toHaveLength(7)
  const next = { ...limit, quota: { most: 3, month: '2026-12', known: 0 } }
  expect(await limiter.start('a', next)).toMatchObject({ go: true })
})

it('takes the next config by priority where a quota is used up, also before one that could wait', async () => {
  const { limiter } = limiterFor({ redis })
  const groups = [[withQuota('first', 2, 'DEFER')], [withQuota('second', 1, 'DEFER')]]
  const taken = await limiter.reserveAll(names(4).map((member) => ({ member, groups })))
  expect(taken.map((answer) => (answer.reserved ? answer.configId : answer.freeAt))).toEqual([
    'first',
    'first',
    'second',
    null,
  ])
})

it('does not let a line grow beyond what the month has left, unless those in it share a send', async () => {
  const { limiter } = limiterFor({ redis })
  const waiting = async (limit: Candidate) => {
    const answers = await limiter.reserveAll(names(6, limit.configId).map((member) => ({ member, groups: [[limit]] })))
    return answers.filter(({ reserved }) => reserved).length
  }
  expect(await waiting(withQuota('single', 3, 'DEFER', 1))).toBe(3)
  expect(await waiting(withQuota('shared', 3, 'MERGE', 1))).toBe(6)
})

it('gives back what was not sent, and keeps the count however callers differ', async () => {
  const { limiter } = limiterFor({ redis })
  const limit = withQuota('7', 1)
  const started = await limiter.start('a', limit)
  if (!started.go) throw new Error('must go')
  expect(await limiter.start('b', limit)).toMatchObject({ quotaUsed: true })
  limiter.giveBack(started)
  await limiter.drain()
  // The quota was lowered elsewhere, and some release says nothing of it.
  const answers = await Promise.all([
    limiter.release('x', limitOf('7', 100, HOUR)),
    limiter.start('b', limit),
    limiter.start('c', withQuota('7', 5)),
  ])
  expect(answers).toMatchObject([false, { go: true }, { quotaUsed: true }])
})

it('keeps the months apart where one ends: what is late of the old one burdens and eases the new one in nothing', async () => {
  const { limiter } = limiterFor({ redis })
  // So short a window that the end of each call has to be told.
  const november = { ...limitOf('7', 100, 1_000), quota: { most: 4, month: '2026-11', known: 2 } }
  const december = { ...november, quota: { most: 3, month: '2026-12', known: 0 } }
  const [sent, unsent] = await Promise.all([limiter.start('a', november), limiter.start('b', november)])
  if (!sent.go || !unsent.go) throw new Error('must go')
  const early = limiter.start('c', december)
  limiter.settle(sent)
  limiter.giveBack(unsent)
  const starts = [early, ...names(3).map((member) => limiter.start(member, december))]
  expect((await Promise.all(starts)).map(({ go }) => go)).toEqual([true, true, true, false])
  expect(await limiter.start('d', december)).toMatchObject({ quotaUsed: true })
})
