import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { InboxItem } from '../contracts/inbox.ts'
import { EVERYONE, type Reader } from './readers.ts'
import { type InboxRow, ROW, readerRows, toRow } from './rows.ts'

/** The newest id in the inboxes of each tenant, in one look-up; a tenant without any is missing. */
export async function newestIds(pool: Pool, tenantIds: readonly string[]): Promise<Map<string, bigint>> {
  // ORDER BY … LIMIT 1 ends at the first entry of the index; a correlated MAX() would read all of them.
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT j.t AS tenant_id,
       (SELECT m.id FROM msg_inbox m FORCE INDEX (ix_tenant) WHERE m.tenant_id = j.t ORDER BY m.tenant_id DESC, m.id DESC LIMIT 1) AS newest
     FROM JSON_TABLE(?, '$[*]' COLUMNS (t BIGINT PATH '$')) AS j`,
    [JSON.stringify(tenantIds)],
  )
  const found = rows.filter(({ newest }) => newest !== null)
  return new Map(found.map(({ tenant_id, newest }) => [String(tenant_id), BigInt(newest)]))
}

/** From the one, exclusive, to the other, inclusive. */
export interface IdRange {
  after: bigint
  upTo: bigint
}

/** What came for any of the users or for everyone, oldest first. */
export async function newRows(
  pool: Pool,
  tenantId: string,
  userIds: readonly string[],
  { after, upTo }: IdRange,
  limit: number,
): Promise<InboxRow[]> {
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT ${ROW} FROM msg_inbox m FORCE INDEX (ix_tenant)
     WHERE m.tenant_id = ? AND m.id > ? AND m.id <= ? AND m.user_id IN (?) ORDER BY m.id LIMIT ?`,
    [tenantId, String(after), String(upTo), [EVERYONE, ...userIds], limit],
  )
  return rows.map(toRow)
}

/** What one reader has in a range, oldest first. */
export async function itemsBetween(
  pool: Pool,
  reader: Reader,
  { after, upTo }: IdRange,
  limit: number,
): Promise<InboxItem[]> {
  const { sql, values } = readerRows(reader, {
    range: 'm.id > ? AND m.id <= ?',
    values: [String(after), String(upTo)],
    order: 'ASC',
    limit,
  })
  const [rows] = await pool.query<RowDataPacket[]>(sql, values)
  return rows.map((row) => toRow(row).shownTo(reader.userId))
}
