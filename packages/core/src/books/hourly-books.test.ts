import type { RowDataPacket } from 'mysql2/promise'
import { Registry } from 'prom-client'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { storePending } from '../../../devkit/src/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { toDatetime } from '../messages/message-ref.ts'
import { exposeBooks } from './books-gauges.ts'
import { countMissing, HOUR_MS, readBooks, removeOldBooks, writeBooks } from './hourly-books.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

/** Half past: in the middle of an hour. */
const now = new Date(Math.floor(Date.now() / HOUR_MS) * HOUR_MS + HOUR_MS / 2)
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * HOUR_MS)
beforeEach(async () => void (await database.pool.query('DELETE FROM msg_hourly_books')))
afterEach(async () => {
  for (const table of ['msg_message', 'msg_message_key']) await database.pool.query(`DELETE FROM ${table}`)
})

/** Messages accepted at a time, with a status; final ones are on no list. */
async function store(tenantId: string, count: number, at: Date, status = 'PENDING') {
  const refs = await storePending(database.pool, count, { tenantId, createTime: toDatetime(at), acceptedAt: at })
  const due = status === 'PENDING' || status === 'PROCESSING' ? 'due_time' : 'NULL'
  await database.pool.query(`UPDATE msg_message SET status = ?, due_time = ${due} WHERE message_id IN (?)`, [
    status,
    refs.map(({ messageId }) => messageId),
  ])
  return refs
}

async function booksOf(at: Date) {
  const books = await readBooks(database.pool, 30, now)
  return books.find(({ hour }) => hour.getTime() === Math.floor(at.getTime() / HOUR_MS) * HOUR_MS)
}

test('each hour tells how many messages were accepted and what has become of them, over all tenants', async () => {
  for (const [tenantId, count] of [
    ['1', 3],
    ['2', 5],
  ] as const) {
    await store(tenantId, count, hoursAgo(1), 'SUCCESS')
    await store(tenantId, 1, hoursAgo(1), 'PARTIAL_SUCCESS')
    await store(tenantId, 2, hoursAgo(1), 'FAILED')
    await store(tenantId, 1, hoursAgo(1), 'PROCESSING')
    await store(tenantId, 1, hoursAgo(2))
  }
  expect(await writeBooks(database.pool, 1, now)).toBe('24 hours counted, 0 messages missing')
  const sums = { accepted: 16, success: 8, partialSuccess: 2, failed: 4, waiting: 2, missing: 0 }
  expect(await booksOf(hoursAgo(1))).toMatchObject({ ...sums, topTenants: '[["2",9]]' })
  expect(await booksOf(hoursAgo(2))).toMatchObject({ accepted: 2, waiting: 2, missing: 0 })
})

test.each<[string, string, number]>([
  ['a message that is gone', 'DELETE FROM msg_message WHERE message_id = ?', 1],
  ['one that nobody looks at any more', 'UPDATE msg_message SET due_time = NULL WHERE message_id = ?', 1],
  ['one with a status that there is not', "UPDATE msg_message SET status = 'LOST' WHERE message_id = ?", 1],
  ['one that was never accepted', 'DELETE FROM msg_message_key WHERE message_id = ?', -1],
])(
  '%s does not add up, is told by the metric until it does, and an hour that is right is left alone',
  async (...row) => {
    const [, harm, missing] = row
    const [ref] = await store('1', 3, hoursAgo(5))
    await writeBooks(database.pool, 5, now)
    await database.pool.query('UPDATE msg_hourly_books SET checked_at = ?', [hoursAgo(2)])
    await database.pool.query(harm, [ref?.messageId])
    await writeBooks(database.pool, 5, now)
    expect(await booksOf(hoursAgo(5))).toMatchObject({ missing })
    expect(await countMissing(database.pool)).toBe(1)
    expect(await gauge('message_center_books_missing_messages')).toBe(1)
    await database.pool.query('DELETE FROM msg_message')
    await database.pool.query('DELETE FROM msg_message_key')
    // What has balanced and waits for nothing is not counted again.
    expect(await writeBooks(database.pool, 5, now)).toBe('2 hours counted, 0 messages missing')
    expect(await countMissing(database.pool)).toBe(0)
  },
)

test('a message that waits for days has its hour counted again, now and then', async () => {
  const old = hoursAgo(70)
  await store('1', 1, old)
  await database.pool.query("INSERT INTO msg_hourly_books VALUES (?, 1, 0, 0, 0, 1, 0, '[]', ?)", [
    toDatetime(new Date(Math.floor(old.getTime() / HOUR_MS) * HOUR_MS)),
    hoursAgo(0.5),
  ])
  await writeBooks(database.pool, 5, now)
  const checkedAt = async () =>
    (await readBooks(database.pool, 80, now)).find(({ waiting }) => waiting > 0)?.checkedAt.getTime()
  expect(await checkedAt()).toBe(hoursAgo(0.5).getTime())
  const later = new Date(now.getTime() + HOUR_MS)
  await writeBooks(database.pool, 5, later)
  expect(await checkedAt()).toBe(later.getTime())
})

test('what has just been accepted, and may not be committed as yet, is left to the next count', async () => {
  await store('1', 2, new Date(now.getTime() - 30_000))
  await writeBooks(database.pool, 5, now)
  expect(await booksOf(now)).toMatchObject({ accepted: 0, missing: 0 })
  await writeBooks(database.pool, 5, new Date(now.getTime() + 60_000))
  expect(await booksOf(now)).toMatchObject({ accepted: 2, waiting: 2, missing: 0 })
})

test('counting reads the indexes alone, and of them the hour only', async () => {
  // In an almost empty table MySQL would read all of the index.
  for (let hours = 1; hours <= 20; hours += 1) await store(String(hours % 5), 50, hoursAgo(hours), 'SUCCESS')
  await database.pool.query('ANALYZE TABLE msg_message, msg_message_key')
  const explain = async (sql: string) =>
    (await database.pool.query<RowDataPacket[]>(`EXPLAIN FORMAT=TRADITIONAL ${sql}`, [hoursAgo(2), now]))[0][0]
  const range = 'create_time >= ? AND create_time < ? GROUP BY'
  const messages = await explain(
    `SELECT status, COUNT(*) FROM msg_message FORCE INDEX (ix_tenant_status)
     WHERE tenant_id IN (1, 2) AND status IN ('SUCCESS', 'FAILED') AND ${range} status`,
  )
  expect(messages).toMatchObject({ key: 'ix_tenant_status', type: 'range' })
  const keys = await explain(
    `SELECT tenant_id, COUNT(*) FROM msg_message_key FORCE INDEX (ix_create_time) WHERE ${range} tenant_id`,
  )
  expect(keys).toMatchObject({ key: 'ix_create_time', type: 'range' })
  for (const plan of [messages, keys]) expect(plan?.Extra).toContain('Using index')
})

test('old books go', async () => {
  await writeBooks(database.pool, 5, now)
  expect(await removeOldBooks(database.pool, hoursAgo(20), 100)).toBe(4)
  expect(await readBooks(database.pool, 30, now)).toHaveLength(20)
})

async function gauge(name: string): Promise<number> {
  const registry = new Registry()
  exposeBooks(registry, database.pool, (error) => {
    throw error
  })
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(await registry.metrics())?.[1])
}
