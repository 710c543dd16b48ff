import type { RowDataPacket } from 'mysql2/promise'
import type { InboxItem } from '../contracts/inbox.ts'
import { EVERYONE, type Reader } from './readers.ts'

const COLUMNS = 'm.id, m.user_id, m.message_id, m.message_type, m.title, m.content, m.create_time'
/** Columns of a row of the table `m`; whether a message to everyone was read takes `READ_MARK` besides. */
export const ROW = `${COLUMNS}, m.read_time IS NOT NULL AS was_read`

/** `r`: the mark of one reader on a message to everyone. Its parameter is the reader's user id. */
const READ_MARK = 'LEFT JOIN msg_inbox_read r ON r.tenant_id = m.tenant_id AND r.user_id = ? AND r.inbox_id = m.id'

/** What a reader's messages to everyone are counted and listed from. Takes `readMarkValues`. */
export const TO_EVERYONE = `msg_inbox m FORCE INDEX (ix_reader) ${READ_MARK} WHERE m.tenant_id = ? AND m.user_id = '${EVERYONE}'`

export function toEveryoneValues({ tenantId, userId }: Reader): string[] {
  return [userId, tenantId]
}

export interface RowsWanted {
  /** SQL over the table `m` that ids have to fulfil, e.g. `m.id < ?`, and its values. */
  range: string
  values: readonly string[]
  order: 'ASC' | 'DESC'
  unreadOnly?: boolean
  limit: number
}

/** One statement for the rows of a reader, his own and those of everyone, and its values. Each half comes from its index in order. */
export function readerRows(reader: Reader, wanted: RowsWanted): { sql: string; values: (string | number)[] } {
  const { range, values, order, unreadOnly = false, limit } = wanted
  const end = `AND ${range} ORDER BY m.id ${order} LIMIT ?`
  const own = unreadOnly ? 'FORCE INDEX (ix_unread) WHERE m.read_time IS NULL AND' : 'FORCE INDEX (ix_reader) WHERE'
  return {
    sql: `(SELECT ${ROW} FROM msg_inbox m ${own} m.tenant_id = ? AND m.user_id = ? ${end})
      UNION ALL
      (SELECT ${COLUMNS}, r.inbox_id IS NOT NULL AS was_read FROM ${TO_EVERYONE}${unreadOnly ? ' AND r.inbox_id IS NULL' : ''} ${end})
      ORDER BY id ${order} LIMIT ?`,
    values: [reader.tenantId, reader.userId, ...values, limit, ...toEveryoneValues(reader), ...values, limit, limit],
  }
}

/** A row as the database has it. */
export interface InboxRow {
  id: bigint
  /** `EVERYONE` where it is everyone's. */
  userId: string
  /** As it stands in that reader's inbox. */
  shownTo(userId: string): InboxItem
}

export function toRow(row: RowDataPacket): InboxRow {
  return {
    id: BigInt(row.id),
    userId: row.user_id,
    shownTo: (userId) => ({
      id: String(row.id),
      messageId: row.message_id,
      userId,
      messageType: row.message_type,
      ...(row.title === null ? {} : { title: row.title }),
      content: row.content,
      read: Number(row.was_read) === 1,
      createTime: row.create_time.toISOString(),
    }),
  }
}
