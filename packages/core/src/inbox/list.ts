import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { InboxFilters, InboxPage } from '../contracts/inbox.ts'
import type { Reader } from './readers.ts'
import { readerRows, TO_EVERYONE, toEveryoneValues, toRow } from './rows.ts'

const BEYOND_EVERY_ID = String(2n ** 63n - 1n)

/** A page of a reader's inbox, newest first. What arrives meanwhile moves nothing: the cursor is an id. */
export async function listInbox(pool: Pool, reader: Reader, filters: InboxFilters): Promise<InboxPage> {
  const { unread, limit = 20, cursor = BEYOND_EVERY_ID } = filters
  const { sql, values } = readerRows(reader, {
    range: 'm.id < ?',
    values: [cursor],
    order: 'DESC',
    unreadOnly: unread === true || unread === 1,
    // One more tells whether there is another page.
    limit: limit + 1,
  })
  const [[rows], unreadCount] = await Promise.all([pool.query<RowDataPacket[]>(sql, values), countUnread(pool, reader)])
  const items = rows.slice(0, limit).map((row) => toRow(row).shownTo(reader.userId))
  return { items, nextCursor: rows.length > limit ? (items.at(-1)?.id ?? null) : null, unreadCount }
}

export async function countUnread(pool: Pool, reader: Reader): Promise<number> {
  const [[row]] = await pool.query<RowDataPacket[]>(
    `SELECT
       (SELECT COUNT(*) FROM msg_inbox FORCE INDEX (ix_unread) WHERE tenant_id = ? AND user_id = ? AND read_time IS NULL)
       + (SELECT COUNT(*) FROM ${TO_EVERYONE} AND r.inbox_id IS NULL) AS unread`,
    [reader.tenantId, reader.userId, ...toEveryoneValues(reader)],
  )
  return Number(row?.unread)
}
