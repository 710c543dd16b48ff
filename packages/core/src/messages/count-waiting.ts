import type { Pool, RowDataPacket } from 'mysql2/promise'
import { toDatetimeMs } from './message-ref.ts'

/** What of one tenant is accepted, due and not final. */
export interface WaitingOfTenant {
  tenantId: string
  messages: number
  /** Since when the longest waiting has waited for the pipeline, epoch ms; null where none waits for it. */
  waitingSince: number | null
}

/** The reconciler moves the due time of what is in order ahead by half a minute, again and again. */
const LOOKED_AT_MS = 35_000

/**
 * Counts by tenant what waits or is on its way; what waits for a later time (`sendAt`, a window, a place in line, a retry)
 * is left out. Reads the open messages by their due time (ix_due), the finished ones not at all.
 */
export async function countWaiting(pool: Pool, now: Date): Promise<WaitingOfTenant[]> {
  const until = toDatetimeMs(new Date(now.getTime() + LOOKED_AT_MS))
  const [rows] = await pool.query<RowDataPacket[]>(
    // Tried again by an operator (revision), a message may be old and have waited for nothing.
    `SELECT tenant_id, COUNT(*) AS messages,
       MIN(CASE WHEN status = 'PENDING' AND revision = 0 THEN GREATEST(create_time, COALESCE(send_at, create_time)) END) AS since
     FROM msg_message FORCE INDEX (ix_due)
     WHERE due_time <= ? AND status IN ('PENDING', 'PROCESSING') AND (job_id IS NOT NULL OR due_time <= ?)
     GROUP BY tenant_id`,
    [until, toDatetimeMs(now)],
  )
  return rows.map((row) => ({
    tenantId: String(row.tenant_id),
    messages: Number(row.messages),
    waitingSince: row.since && new Date(row.since).getTime(),
  }))
}
