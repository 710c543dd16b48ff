import type { Pool, RowDataPacket } from 'mysql2/promise'
import { type CallbackRef, FINAL_STATUSES } from '../messages/becoming-final.ts'
import { REFS_TABLE, refsParameter } from '../messages/message-ref.ts'

/** A callback that is still to be made. */
export interface DueCallback {
  url: string
  /** Not before; null = at once, or as soon as nobody has it. */
  nextTime: Date | null
  /** For how many ms somebody may still be making it, by the database's clock; 0 where nobody is. */
  heldMs: number
  /** Where its message is in a trace, W3C. */
  traceparent: string | null
}

/**
 * Which of these events are still to be told, and where.
 * @returns in the order asked; undefined for one that is over: delivered, given up, or its message is under way again
 */
export async function findCallbacks(pool: Pool, refs: readonly CallbackRef[]): Promise<(DueCallback | undefined)[]> {
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT STRAIGHT_JOIN m.id, m.callback_generation, m.callback_next_time, m.callback_token, m.traceparent,
       TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(3), m.callback_next_time) AS lease_left,
       JSON_UNQUOTE(JSON_EXTRACT(m.attributes, '$.callbackUrl')) AS url
     FROM ${REFS_TABLE} JOIN msg_message m FORCE INDEX (uk_message) ON m.tenant_id = j.t AND m.message_id = j.m AND m.create_time = j.c
     WHERE m.callback_state = 'DUE' AND m.status IN ${FINAL_STATUSES}`,
    [refsParameter(refs)],
  )
  const byEvent = new Map(rows.map((row) => [`${row.id} ${row.callback_generation}`, row]))
  return refs.map(({ rowId, generation }) => {
    const row = byEvent.get(`${rowId} ${generation}`)
    return row && toCallback(row)
  })
}

function toCallback(row: RowDataPacket): DueCallback {
  const { url, traceparent, callback_next_time: nextTime } = row
  if (row.callback_token === null) return { url, traceparent, nextTime, heldMs: 0 }
  return { url, traceparent, nextTime: null, heldMs: Math.max(0, Number(row.lease_left) / 1000) }
}
