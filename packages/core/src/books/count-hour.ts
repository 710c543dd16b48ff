import type { Pool, RowDataPacket } from 'mysql2/promise'
import { toDatetime } from '../messages/message-ref.ts'

/** What has become of the messages accepted in a stretch of time. */
export interface HourCount {
  /** Ids that were taken: what there should be. */
  accepted: number
  success: number
  partialSuccess: number
  failed: number
  /** Not final, and on the reconciler's list. */
  waiting: number
  /** Messages by tenant, for those that have any. */
  byTenant: Map<string, number>
}

/** Tenants of one statement: so many ranges of the index per status. */
const TENANTS_AT_ONCE = 300

/**
 * Counts by index alone: ids by their time, messages by tenant, status and time. What is not final counts as waiting only
 * where the reconciler would find it (`due_time`): one that nobody looks at any more is amiss.
 * @param until not later than a minute ago: whatever was accepted before is committed by then
 */
export async function countHour(pool: Pool, from: Date, until: Date): Promise<HourCount> {
  const range = [toDatetime(from), toDatetime(until)]
  const tenants = await tenantsWithMessages(pool)
  const count: HourCount = { accepted: 0, success: 0, partialSuccess: 0, failed: 0, waiting: 0, byTenant: new Map() }
  for (let start = 0; start < tenants.length; start += TENANTS_AT_ONCE) {
    const some = tenants.slice(start, start + TENANTS_AT_ONCE)
    // One statement sees one state of the tables: no message changes its status between its two halves.
    const [rows] = await pool.query<RowDataPacket[]>(COUNT_MESSAGES, [some, ...range, some, ...range])
    for (const row of rows) add(count, row)
  }
  const [[keys]] = await pool.query<RowDataPacket[]>(COUNT_KEYS, range)
  count.accepted = Number(keys?.messages)
  return count
}

const COUNT_MESSAGES = `
  SELECT tenant_id, status, COUNT(*) AS messages FROM msg_message FORCE INDEX (ix_tenant_status)
  WHERE tenant_id IN (?) AND status IN ('SUCCESS', 'PARTIAL_SUCCESS', 'FAILED') AND create_time >= ? AND create_time < ?
  GROUP BY tenant_id, status
  UNION ALL
  SELECT tenant_id, 'WAITING', COUNT(due_time) FROM msg_message FORCE INDEX (ix_tenant_status)
  WHERE tenant_id IN (?) AND status IN ('PENDING', 'PROCESSING') AND create_time >= ? AND create_time < ? GROUP BY tenant_id`

const COUNT_KEYS = `SELECT COUNT(*) AS messages FROM msg_message_key FORCE INDEX (ix_create_time)
  WHERE create_time >= ? AND create_time < ?`

/** By jumping from one to the next in the primary key. */
async function tenantsWithMessages(pool: Pool): Promise<string[]> {
  const [rows] = await pool.query<RowDataPacket[]>('SELECT DISTINCT tenant_id FROM msg_message_key')
  return rows.map((row) => String(row.tenant_id))
}

const FIELDS: Record<string, 'success' | 'partialSuccess' | 'failed' | 'waiting'> = {
  SUCCESS: 'success',
  PARTIAL_SUCCESS: 'partialSuccess',
  FAILED: 'failed',
  WAITING: 'waiting',
}

function add(count: HourCount, row: RowDataPacket): void {
  const field = FIELDS[row.status]
  const messages = Number(row.messages)
  if (field) count[field] += messages
  const tenantId = String(row.tenant_id)
  count.byTenant.set(tenantId, (count.byTenant.get(tenantId) ?? 0) + messages)
}
