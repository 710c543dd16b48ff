import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { until } from '../../../devkit/src/testing/until.ts'
import type { SettingsSource } from '../configs/settings-source.ts'
import { toDatetime } from '../messages/message-ref.ts'
import { createMessageCounts } from './message-counts.ts'
import { createMetrics } from './metrics.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

/** What the books say of this hour's busiest tenants. */
const busiest = (list: [string, number][]) =>
  database.pool.query('REPLACE INTO msg_hourly_books VALUES (?, 0, 0, 0, 0, 0, 0, ?, UTC_TIMESTAMP(3))', [
    toDatetime(new Date(new Date().setUTCMinutes(0, 0, 0))),
    JSON.stringify(list),
  ])

test('the busiest tenants have series of their own, all others share one; who falls behind joins them', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const metrics = createMetrics()
  const settings = (async () => ({ metricsTenants: 2 })) as unknown as SettingsSource
  const onError = (error: unknown) => {
    throw error
  }
  await busiest([
    ['7', 900],
    ['8', 500],
    ['9', 400],
  ])
  const counts = createMessageCounts(metrics, { pool: database.pool, settings, onError })
  const series = async (name: string) =>
    (await metrics.registry.metrics())
      .split('\n')
      .filter((line) => line.startsWith(`message_center_tenant_${name}{`))
      .map((line) => line.replace(`message_center_tenant_${name}`, ''))
  try {
    await until('the books to be read', async () => {
      counts.finished('7', 'SUCCESS')
      return (await series('messages_finished_total')).some((line) => line.startsWith('{tenant="7"'))
    })
    counts.accepted(['7', '8', '8', '9', '10'].map((tenantId) => ({ tenantId })))
    expect(await series('messages_accepted_total')).toEqual(['{tenant="7"} 1', '{tenant="8"} 2', '{tenant="other"} 2'])
    const task = { tenantId: '8', channelType: 'LOCAL' }
    counts.taskFinished(task, 'RATE_LIMITED')
    counts.delivered(task, 0.3, false)
    counts.delivered(task, 900, true)
    expect(await series('tasks_finished_total')).toEqual(['{tenant="8",channel="LOCAL",outcome="rate_limited"} 1'])
    expect(await series('delivery_seconds_count')).toEqual(['{tenant="8"} 1'])

    await busiest([
      ['7', 900],
      ['9', 800],
      ['8', 500],
    ])
    vi.advanceTimersByTime(30_000)
    await until('tenant 8 to lose its series', async () => (await series('messages_accepted_total')).length === 2)
    expect(await series('messages_accepted_total')).toEqual(['{tenant="7"} 1', '{tenant="other"} 2'])
    expect([...(await series('tasks_finished_total')), ...(await series('delivery_seconds_count'))]).toEqual([])
    counts.accepted([{ tenantId: '8' }, { tenantId: '9' }])
    expect(await series('messages_accepted_total')).toEqual(['{tenant="7"} 1', '{tenant="other"} 3', '{tenant="9"} 1'])
  } finally {
    counts.stop()
    vi.useRealTimers()
  }
})
