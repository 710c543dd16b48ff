import { expect, test } from 'vitest'
import { createInHand } from './in-hand.ts'
import { type Figures, type RefusalReason, refusal, refusalFor } from './refusal.ts'

const limits = {
  maxWaitingMessages: 100,
  maxWaitingSeconds: 60,
  maxWaitingMessagesInAll: 1_000,
  maxWaitingSecondsInAll: 120,
  maxRedisMemoryPercent: 80,
}
const calm: Figures = {
  all: { messages: 999, oldestSeconds: 119 },
  tenant: { messages: 99, oldestSeconds: 59 },
  redisMemoryShare: 0.79,
  uncommitted: 0,
  uncommittedOfTenant: 0,
}

test.each<[RefusalReason, number, Partial<Figures>]>([
  ['process', 503, { uncommitted: 5_000 }],
  ['messages_in_all', 503, { uncommitted: 1 }],
  ['messages_in_all', 503, { all: { messages: 1_000, oldestSeconds: 0 } }],
  ['seconds_in_all', 503, { all: { messages: 1, oldestSeconds: 120 } }],
  ['redis_memory', 503, { redisMemoryShare: 0.8 }],
  ['tenant_messages', 429, { uncommittedOfTenant: 1 }],
  ['tenant_messages', 429, { tenant: { messages: 100, oldestSeconds: 0 } }],
  ['tenant_seconds', 429, { tenant: { messages: 1, oldestSeconds: 60 } }],
])('at the limit %s is answered with %i, below it is not', (reason, status, figures) => {
  expect(refusalFor(calm, limits)).toBeUndefined()
  expect(refusalFor({ ...calm, ...figures }, limits)).toBe(reason)
  const { code, retryAfterSeconds } = refusal(reason)
  expect(code).toBe(status === 429 ? 'TOO_MANY_REQUESTS' : 'UNAVAILABLE')
  expect(retryAfterSeconds).toBeGreaterThan(0)
})

test('a tenant is not told that he sends too much when the whole system is behind', () => {
  const both = { ...calm, all: { messages: 5_000, oldestSeconds: 0 }, tenant: { messages: 500, oldestSeconds: 0 } }
  expect(refusalFor(both, limits)).toBe('messages_in_all')
})

test('one tenant gets half of what a process has in hand, all together no more than all; what has ended makes room', () => {
  const inHand = createInHand()
  const enter = (tenantId: string, count: number, bytes = 0) =>
    Array.from({ length: count }, () => inHand.enter(tenantId, bytes))
  const [first] = enter('1', 500)
  expect(enter('1', 1)).toEqual(['tenant'])
  enter('2', 500)
  expect(enter('3', 1)).toEqual(['process'])
  if (typeof first === 'object') first.letGo()
  expect([typeof inHand.enter('1', 0), inHand.calls()]).toEqual(['object', 1_000])
})

test('bodies count by their bytes: two large batches of a tenant are in hand at once, not three', () => {
  const inHand = createInHand()
  const batch = 16 * 1024 * 1024
  const entered = ['1', '1', '1', '2', '2', '3'].map((tenantId) => inHand.enter(tenantId, batch))
  expect(entered.map((each) => (typeof each === 'string' ? each : 'in'))).toEqual([
    'in',
    'in',
    'tenant',
    'in',
    'in',
    'process',
  ])
  for (const held of entered) if (typeof held === 'object') held.letGo()
  expect([inHand.calls(), inHand.bytes()]).toEqual([0, 0])
})

test('a body whose size is known later counts as nothing until then; one for which there is no room stays as it was', () => {
  const inHand = createInHand()
  const half = 32 * 1024 * 1024
  const [one, two] = [inHand.enter('1', 0), inHand.enter('1', 0)]
  if (typeof one === 'string' || typeof two === 'string') throw new Error('there was room for both')
  expect([one.resize(half - 1), two.resize(2), two.resize(1), inHand.bytes()]).toEqual([
    undefined,
    'tenant',
    undefined,
    half,
  ])
  one.letGo()
  expect([two.resize(half), inHand.bytes()]).toEqual([undefined, half])
  two.letGo()
  two.resize(1)
  expect([inHand.calls(), inHand.bytes()]).toEqual([0, 0])
})
