import fc from 'fast-check'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { storePending } from '../../../devkit/src/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import type { MessageFilters } from '../contracts/messages.ts'
import { boundedCount, expectedRows } from '../database/bounded-count.ts'
import { createMessageList } from './list-messages.ts'
import { toDatetime } from './message-ref.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

const HOUR_MS = 3_600_000
/** Messages of a tenant in an old second each, or several in the same one. */
async function store(tenantId: string, count: number, agoMs: number, perSecond = 3) {
  for (let index = 0; index < count; index += perSecond) {
    const time = new Date(Date.now() - agoMs + Math.floor(index / perSecond) * 1000)
    await storePending(database.pool, Math.min(perSecond, count - index), {
      tenantId,
      createTime: toDatetime(time),
      businessType: index % 2 === 0 ? 'EVEN' : 'ODD',
      storeId: '7',
    })
  }
  await database.pool.query(
    `INSERT INTO msg_channel_task (tenant_id, message_id, channel_type, channel_config_id, create_time)
     SELECT tenant_id, message_id, 'LOCAL', 1, create_time FROM msg_message m WHERE tenant_id = ? AND NOT EXISTS
       (SELECT 1 FROM msg_channel_task k WHERE k.tenant_id = m.tenant_id AND k.message_id = m.message_id) ORDER BY m.id`,
    [tenantId],
  )
}

const FILTERS: MessageFilters[] = [
  {},
  { channelType: 'LOCAL' },
  { channelType: 'LOCAL', businessType: 'ODD' },
  { businessType: 'EVEN' },
  { storeId: '7' },
  { status: 'PENDING' },
  { status: 'PENDING', storeId: '7', businessType: 'EVEN' },
]

/** The ids that plain OFFSET shows. */
async function expected(tenantId: string, filters: MessageFilters): Promise<string[]> {
  const { result } = await createMessageList()(database.pool, tenantId, { ...filters, pageSize: 200 })
  expect(result.total).toBe(result.items.length)
  return result.items.map(({ messageId }) => messageId)
}

test.each(FILTERS)(
  'pages far down show what pages by plain OFFSET show, also after more has come in: %j',
  async (filters) => {
    const tenantId = String(100 + FILTERS.indexOf(filters))
    await store(tenantId, 60, HOUR_MS)
    // Of this distance every page but the first is a deep one.
    const list = createMessageList(4)
    for (const round of [1, 2]) {
      const all = await expected(tenantId, filters)
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 9 }), async (page, pageSize) => {
          const { result } = await list(database.pool, tenantId, { ...filters, page, pageSize })
          expect(result.total).toBe(all.length)
          expect(result.items.map(({ messageId }) => messageId)).toEqual(
            all.slice((page - 1) * pageSize).slice(0, pageSize),
          )
        }),
        { numRuns: 15 },
      )
      // First some that have settled at once, then some of just now.
      await store(tenantId, 3, round === 1 ? HOUR_MS / 2 : 0)
    }
  },
)

test.each(FILTERS)(
  'a walk by cursor sees each message once, in the order of the list, whatever comes in meanwhile: %j',
  async (filters) => {
    const tenantId = String(200 + FILTERS.indexOf(filters))
    await store(tenantId, 30, HOUR_MS)
    const all = await expected(tenantId, filters)
    const list = createMessageList()
    const seen: string[] = []
    let page = await list(database.pool, tenantId, { ...filters, pageSize: 4 })
    for (let number = 1; ; number++) {
      expect(page.result).toMatchObject({ total: all.length, page: number, pageSize: 4 })
      seen.push(...page.result.items.map(({ messageId }) => messageId))
      if (page.nextCursor === null) break
      if (number === 2) await store(tenantId, 5, 0)
      page = await list(database.pool, tenantId, { ...filters, pageSize: 4, cursor: page.nextCursor })
    }
    expect(seen).toEqual(all)
  },
)

test('a total beyond what is looked at is told as an estimate', async () => {
  await store('300', 50, HOUR_MS)
  const every = 'SELECT 1 AS fits FROM msg_message m FORCE INDEX (ix_tenant_time) WHERE m.tenant_id = ?'
  const countable = { select: every, values: ['300'], byIndexAlone: true }
  expect(await boundedCount(database.pool, countable, 50)).toEqual({ total: 50 })
  const { total, totalIsEstimate } = await boundedCount(database.pool, countable, 49)
  expect(totalIsEstimate).toBe(true)
  expect(total).toBeGreaterThanOrEqual(50)
  // The expectation itself, which the count never falls below, is that of the server's statistics.
  expect(await expectedRows(database.pool, every, ['300'])).toBeGreaterThan(10)
  const even = { ...countable, select: every.replace('1 AS', 'm.business_type = "EVEN" AS'), byIndexAlone: false }
  expect(await boundedCount(database.pool, even, 50)).toEqual({ total: 26 })
  expect((await boundedCount(database.pool, even, 20)).totalIsEstimate).toBe(true)
})
