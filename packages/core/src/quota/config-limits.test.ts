import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { createChannelRegistry } from '../channels/registry.ts'
import type { CandidateConfig } from '../configs/candidates.ts'
import { connect, limiterFor } from '../rate-limit/rate-limiter-fixture.ts'
import { createConfigLimits } from './config-limits.ts'
import { createQuotaMonth } from './quota-month.ts'
import { addQuotaUse, readQuotaUse } from './quota-usage.ts'

const redis = connect()
let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(async () => {
  await redis.quit()
  await database.remove()
})

const config = (id: string, monthlyQuota: number | null) =>
  ({ id, channelType: 'DINGTALK', rateLimit: { count: 100, windowMs: 1000 }, monthlyQuota }) as CandidateConfig

test('a month begins and ends in the zone of the provider', () => {
  const adapter = { type: 'PACIFIC', timeZone: 'Pacific/Auckland', configSchema: {} }
  const monthOf = createQuotaMonth(createChannelRegistry([adapter as never]))
  expect(monthOf('DINGTALK', new Date('2026-11-30T15:59:59Z'))).toBe('2026-11')
  expect(monthOf('DINGTALK', new Date('2026-11-30T16:00:00Z'))).toBe('2026-12')
  expect(monthOf('PACIFIC', new Date('2026-12-31T11:00:00Z'))).toBe('2027-01')
})

test('uses of one batch add up per config and month', async () => {
  const use = (configId: string, month: string, sends = 1) => ({ configId, month, sends })
  await addQuotaUse(database.pool, [
    use('91', '2026-11'),
    use('9', '2026-11', 2),
    use('91', '2026-11'),
    use('91', '2026-12'),
  ])
  await addQuotaUse(database.pool, [use('91', '2026-11', 5)])
  const months = [use('91', '2026-11'), use('91', '2026-12'), use('9', '2026-11'), use('9', '2026-10')]
  const read = await readQuotaUse(database.pool, months)
  expect(read.toSorted((a, b) => b.sends - a.sends)).toEqual([
    use('91', '2026-11', 7),
    use('9', '2026-11', 2),
    use('91', '2026-12'),
  ])
})

test('what MySQL knows counts where Redis has forgotten; without a quota nothing is read', async () => {
  const monthOf = createQuotaMonth(new Map())
  await addQuotaUse(database.pool, [{ configId: '7', month: monthOf('DINGTALK'), sends: 9 }])
  const limitOf = createConfigLimits(database.pool, monthOf)
  const [limited, free] = await Promise.all([limitOf(config('7', 10)), limitOf(config('8', null))])
  expect(free).toEqual({ configId: '8', count: 100, windowMs: 1000 })
  const { limiter } = limiterFor({ redis })
  expect(await limiter.start('a', limited)).toMatchObject({ go: true })
  expect(await limiter.start('b', limited)).toMatchObject({ go: false, quotaUsed: true })
})
