import type { Pool } from 'mysql2/promise'
import type { CallbackState } from '../contracts/callbacks.ts'
import { FINAL_STATUSES } from '../messages/becoming-final.ts'
import { retryingLockConflicts } from '../messages/claim-tasks.ts'
import { compareRefs, type MessageRef, toDatetimeMs } from '../messages/message-ref.ts'
import { cut } from '../messages/outcome.ts'

/** What a try of a callback led to. */
export interface CallbackOutcome extends MessageRef {
  /** The claim of the try. */
  token: string
  state: Exclude<CallbackState, 'AWAITED'>
  /** When it is tried again; null where it is over. */
  nextTime: Date | null
  result: string
}

const MAX_RESULT = 255

/**
 * Records outcomes in one statement. One counts only for the holder of the claim, and while the message is final: an event that
 * a later one has replaced changes nothing.
 */
export async function recordCallbacks(pool: Pool, outcomes: readonly CallbackOutcome[]): Promise<void> {
  const parameter = JSON.stringify(
    outcomes
      .toSorted(compareRefs)
      .map((outcome) => [
        outcome.tenantId,
        outcome.messageId,
        outcome.createTime,
        outcome.token,
        outcome.state,
        outcome.nextTime && toDatetimeMs(outcome.nextTime),
        cut(outcome.result, MAX_RESULT),
      ]),
  )
  await retryingLockConflicts(() => pool.query(RECORD, [parameter]))
}

const RECORD = `UPDATE JSON_TABLE(?, '$[*]' COLUMNS (
    t BIGINT PATH '$[0]', m VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[1]', c DATETIME PATH '$[2]',
    token VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[3]', state VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin PATH '$[4]',
    next DATETIME(3) PATH '$[5]', result VARCHAR(255) PATH '$[6]')) AS j
  STRAIGHT_JOIN msg_message m FORCE INDEX (uk_message) ON m.tenant_id = j.t AND m.message_id = j.m AND m.create_time = j.c
  SET m.callback_state = j.state, m.callback_next_time = j.next, m.due_time = j.next, m.callback_result = j.result,
    m.callback_token = NULL, m.update_time = m.update_time
  WHERE m.callback_token = j.token AND m.status IN ${FINAL_STATUSES}`
