import type { RowDataPacket } from 'mysql2/promise'
import type { MessageRef } from './message-ref.ts'

/** The final statuses, for an `IN`. */
export const FINAL_STATUSES = "('SUCCESS', 'PARTIAL_SUCCESS', 'FAILED')"

/** Names one event of one message: each time that it becomes final is an event of its own. */
export interface CallbackRef extends MessageRef {
  /** The message's own, unique in the system. */
  rowId: string
  generation: number
}

/**
 * Columns of `msg_message m` in the SET of every statement that makes messages final: their callback, where they have one,
 * becomes due by that very statement, so that no crash comes between. Only for rows that were not final before: told once.
 * @param isFinal SQL: whether the row becomes final by this statement
 * @param otherwiseDue SQL: `due_time` where it does not
 */
export function becomingFinal(isFinal: string, otherwiseDue: string): string {
  // `callback_state` stays NULL or stays something else, so the order in which the columns are set does not matter.
  const due = `${isFinal} AND m.callback_state IS NOT NULL`
  return `m.due_time = CASE WHEN ${due} THEN UTC_TIMESTAMP(3) WHEN ${isFinal} THEN NULL ELSE ${otherwiseDue} END,
    m.callback_generation = m.callback_generation + (${due}),
    m.callback_attempts = IF(${due}, 0, m.callback_attempts),
    m.callback_next_time = IF(${due}, NULL, m.callback_next_time),
    m.callback_result = IF(${due}, NULL, m.callback_result),
    m.callback_token = IF(${due}, NULL, m.callback_token),
    m.callback_state = IF(${due}, 'DUE', m.callback_state)`
}

/**
 * The callback that such a statement makes due; null where none is wanted.
 * @param row the message as it was before: `row_id`, `callback_state`, `callback_generation`
 */
export function callbackBecomingDue(
  { tenantId, messageId, createTime }: MessageRef,
  row: RowDataPacket | undefined,
): CallbackRef | null {
  if (!row || row.callback_state === null) return null
  return { tenantId, messageId, createTime, rowId: String(row.row_id), generation: row.callback_generation + 1 }
}
