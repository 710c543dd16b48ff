import type { RowDataPacket } from 'mysql2'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { countUnread } from './list.ts'
import { removeOldInboxRows } from './remove-old-inbox-rows.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

const DAY_MS = 86_400_000
const now = new Date('2026-11-26T00:00:00Z')
const daysAgo = (days: number, ms = 0) => new Date(now.getTime() - days * DAY_MS + ms)

/** Calls it as often as it takes; how many went each time. */
async function removeAll(before: Date, limit: number): Promise<number[]> {
  const removed: number[] = []
  do removed.push(await removeOldInboxRows(database.pool, before, limit))
  while (removed.at(-1) === limit)
  return removed
}

test('rows beyond their days go, in small batches, and with them who read them; the rest stays as it is', async () => {
  const { pool } = database
  const rows = [
    ...Array.from({ length: 25 }, (_, n) => [1 + (n % 3), 'u1', `old${n}`, n, 'TEXT', 'x', daysAgo(91)]),
    [1, '*', 'just-over', 100, 'TEXT', 'x', daysAgo(90, -1)],
    [1, '*', 'just-within', 101, 'TEXT', 'x', daysAgo(90)],
    [1, '*', 'read-late', 102, 'TEXT', 'x', daysAgo(90, -5)],
    [1, 'u1', 'young', 103, 'TEXT', 'x', daysAgo(1)],
  ]
  await pool.query(
    'INSERT INTO msg_inbox (tenant_id, user_id, message_id, task_id, message_type, content, create_time) VALUES ?',
    [rows],
  )
  const mark = (messageId: string, readTime: Date) =>
    pool.query(
      `INSERT INTO msg_inbox_read (tenant_id, user_id, inbox_id, read_time)
       SELECT tenant_id, 'u1', id, ? FROM msg_inbox WHERE message_id = ?`,
      [readTime, messageId],
    )
  await mark('just-over', daysAgo(90, -1))
  await mark('just-within', daysAgo(89))
  await mark('read-late', daysAgo(5))
  // 27 rows and one mark.
  expect(await removeAll(daysAgo(90), 10)).toEqual([10, 10, 8])
  const [left] = await pool.query<RowDataPacket[]>('SELECT message_id FROM msg_inbox ORDER BY task_id')
  expect(left.map(({ message_id }) => message_id)).toEqual(['just-within', 'young'])
  expect(await countUnread(pool, { tenantId: '1', userId: 'u1' })).toBe(1)
  expect(await removeAll(daysAgo(90), 10)).toEqual([0])
  // A mark that outlived its row goes when it is old enough itself: one row and two marks.
  expect(await removeAll(daysAgo(4), 10)).toEqual([3])
})

test('broken off in the middle, no mark goes before its message: nothing becomes unread again', async () => {
  const { pool } = database
  const rows = Array.from({ length: 20 }, (_, n) => [2, '*', `m${n}`, 1000 + n, 'TEXT', 'x', daysAgo(100)])
  await pool.query(
    'INSERT INTO msg_inbox (tenant_id, user_id, message_id, task_id, message_type, content, create_time) VALUES ?',
    [rows],
  )
  await pool.query(
    `INSERT INTO msg_inbox_read (tenant_id, user_id, inbox_id, read_time)
     SELECT tenant_id, 'u1', id, create_time FROM msg_inbox WHERE tenant_id = 2`,
  )
  expect(await removeOldInboxRows(pool, daysAgo(90), 5)).toBe(5)
  expect(await countUnread(pool, { tenantId: '2', userId: 'u1' })).toBe(0)
  expect(await removeAll(daysAgo(90), 10)).toEqual([10, 10, 10, 5])
  expect(await countUnread(pool, { tenantId: '2', userId: 'u1' })).toBe(0)
})
