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
  /** Ids that were taken, by tenant. */
  byTenant: Map<string, number>
}

/** Tenants of one statement: so many ranges of the index per status. */
const TENANTS_AT_ONCE = 300

/**
 * Counts by index alone: ids by their time, messages by tenant, status and time, for the tenants that those ids name. What is
 * not final counts as waiting only where the reconciler would find it (`due_time`): one that nobody looks at any more is amiss.
 * @param until not later than a minute ago: whatever was accepted before is committed by then
 */
export async function countHour(pool: Pool, from: Date, until: Date): Promise<HourCount> {
  const range = [toDatetime(from), toDatetime(until)]
  const count: HourCount = { accepted: 0, success: 0, partialSuccess: 0, failed: 0, waiting: 0, byTenant: new Map() }
  const [keys] = await pool.query<RowDataPacket[]>(COUNT_KEYS, range)
  for (const row of keys) {
    count.accepted += Number(row.messages)
    count.byTenant.set(String(row.tenant_id), Number(row.messages))
  }
  const tenants = [...count.byTenant.keys()]
  for (let start = 0; start < tenants.length; start += TENANTS_AT_ONCE) {
    const some = tenants.slice(start, start + TENANTS_AT_ONCE)
    // One statement sees one state of the table: no message changes its status between the two halves.
    const [rows] = await pool.query<RowDataPacket[]>(COUNT_MESSAGES, [some, ...range, some, ...range])
    for (const row of rows) {
      const field = FIELDS[row.status]
      if (field) count[field] += Number(row.messages)
    }
  }
  return count
}

const COUNT_KEYS = `SELECT tenant_id, COUNT(*) AS messages FROM msg_message_key FORCE INDEX (ix_create_time)
  WHERE create_time >= ? AND create_time < ? GROUP BY tenant_id`

const COUNT_MESSAGES = `
  SELECT status, COUNT(*) AS messages FROM msg_message FORCE INDEX (ix_tenant_status)
  WHERE tenant_id IN (?) AND status IN ('SUCCESS', 'PARTIAL_SUCCESS', 'FAILED') AND create_time >= ? AND create_time < ?
  GROUP BY status
  UNION ALL
  SELECT 'WAITING', COUNT(due_time) FROM msg_message FORCE INDEX (ix_tenant_status)
  WHERE tenant_id IN (?) AND status IN ('PENDING', 'PROCESSING') AND create_time >= ? AND create_time < ?`

const FIELDS: Record<string, 'success' | 'partialSuccess' | 'failed' | 'waiting'> = {
  SUCCESS: 'success',
  PARTIAL_SUCCESS: 'partialSuccess',
  FAILED: 'failed',
  WAITING: 'waiting',
}
