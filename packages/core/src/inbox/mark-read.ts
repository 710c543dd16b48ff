import type { Pool, ResultSetHeader, RowDataPacket } from 'mysql2/promise'
import type { InboxItem } from '../contracts/inbox.ts'
import { inTransaction } from '../database/transaction.ts'
import { newestIds } from './new-rows.ts'
import { EVERYONE, type Reader } from './readers.ts'
import { type InboxRow, ROW, TO_EVERYONE, toEveryoneValues, toRow } from './rows.ts'

/** Of one transaction: read-all of a full inbox must not hold thousands of locks. */
const MAX_ROWS = 1000

/** A row of a tenant's inboxes by its id. */
export async function findRow(pool: Pool, tenantId: string, id: string): Promise<InboxRow | undefined> {
  const [[row]] = await pool.query<RowDataPacket[]>(
    `SELECT ${ROW} FROM msg_inbox m WHERE m.id = ? AND m.tenant_id = ?`,
    [id, tenantId],
  )
  return row && toRow(row)
}

/**
 * Marks one message as read; again it changes nothing.
 * @param row the reader's own, or everyone's
 */
export async function markRead(pool: Pool, reader: Reader, row: InboxRow): Promise<InboxItem> {
  const item = row.shownTo(reader.userId)
  if (row.userId === EVERYONE) {
    await pool.query('INSERT IGNORE INTO msg_inbox_read (tenant_id, user_id, inbox_id) VALUES (?)', [
      [reader.tenantId, reader.userId, item.id],
    ])
  } else {
    await pool.query('UPDATE msg_inbox SET read_time = UTC_TIMESTAMP(3) WHERE id = ? AND read_time IS NULL', [item.id])
  }
  return { ...item, read: true }
}

/**
 * Marks everything as read that is in the inbox now; what arrives meanwhile stays unread.
 * @returns how many messages that were unread
 */
export async function markAllRead(pool: Pool, reader: Reader): Promise<number> {
  const upTo = (await newestIds(pool, [reader.tenantId])).get(reader.tenantId)
  if (upTo === undefined) return 0
  const own = await inPortions(
    pool,
    `UPDATE msg_inbox FORCE INDEX (ix_unread) SET read_time = UTC_TIMESTAMP(3)
     WHERE tenant_id = ? AND user_id = ? AND read_time IS NULL AND id <= ? ORDER BY id LIMIT ${MAX_ROWS}`,
    [reader.tenantId, reader.userId, String(upTo)],
  )
  const everyones = await inPortions(
    pool,
    `INSERT IGNORE INTO msg_inbox_read (tenant_id, user_id, inbox_id)
     SELECT m.tenant_id, ?, m.id FROM ${TO_EVERYONE} AND r.inbox_id IS NULL AND m.id <= ? ORDER BY m.id LIMIT ${MAX_ROWS}`,
    [reader.userId, ...toEveryoneValues(reader), String(upTo)],
  )
  return own + everyones
}

/** Repeats a statement that changes at most `MAX_ROWS` rows until there are no more. */
async function inPortions(pool: Pool, sql: string, values: string[]): Promise<number> {
  for (let total = 0; ; ) {
    const [{ affectedRows }] = await inTransaction(pool, (connection) => connection.query<ResultSetHeader>(sql, values))
    total += affectedRows
    if (affectedRows < MAX_ROWS) return total
  }
}
