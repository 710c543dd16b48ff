import type { Pool } from 'mysql2/promise'
import type { FailureCode, TraceAttempt } from '../contracts/messages.ts'
import { inTransaction } from '../database/transaction.ts'
import { addQuotaUse, type QuotaUse } from '../quota/quota-usage.ts'
import { compareIds, retryingLockConflicts, type TaskRef } from './claim-tasks.ts'
import { toDatetime } from './message-ref.ts'
import { cut } from './outcome.ts'

/** What an attempt led to. */
export interface TaskOutcome extends TaskRef {
  /** The claim of the attempt; null ends a task that nobody is sending (expired while it waited, cancelled). */
  token: string | null
  status: 'SUCCESS' | 'FAILED' | 'RETRY' | 'PENDING'
  /** Retries used so far, this outcome included; null leaves the count as it is. */
  retryCount: number | null
  nextRetryTime: Date | null
  errorCode: FailureCode | null
  resultMessage: string | null
  thirdPartyResponse: string | null
  providerMessageId: string | null
  /** The attempts so far, oldest first; null leaves them as they are. */
  attempts: TraceAttempt[] | null
  /** The sends that the attempt took of its config's monthly quota, where it has one. */
  quotaUse?: QuotaUse
}

/** The columns hold 64 KiB; more than this of a provider's answer helps nobody. */
const MAX_RESPONSE = 4_000
const MAX_RESULT = 500
/** A recall needs the ids of all the calls of a message: 20,000 recipients are 200 of them. */
const MAX_PROVIDER_ID = 8_000
/** So many attempts, of so long details each, fit into the column's 64 KiB. */
const MAX_ATTEMPTS_KEPT = 50
const MAX_DETAIL = 300
const MAX_PROVIDER_CODE = 64

/**
 * Records outcomes in one statement, and with it, where a config has a quota, what they took of it. An outcome counts only
 * for the holder of the claim: an attempt that was given up meanwhile changes nothing. What was cancelled while it was being
 * sent is not tried again: it ends as CANCELLED. A send that has ended makes up for those that did not.
 */
export async function recordOutcomes(pool: Pool, outcomes: readonly TaskOutcome[]): Promise<void> {
  const now = toDatetime(new Date())
  const parameter = JSON.stringify(
    outcomes
      .toSorted((a, b) => compareIds(a.taskId, b.taskId))
      .map((outcome) => [
        outcome.taskId,
        outcome.createTime,
        outcome.token,
        outcome.status,
        outcome.retryCount,
        outcome.nextRetryTime && toDatetime(outcome.nextRetryTime),
        outcome.errorCode,
        outcome.resultMessage && cut(outcome.resultMessage, MAX_RESULT),
        outcome.thirdPartyResponse && cut(outcome.thirdPartyResponse, MAX_RESPONSE),
        outcome.providerMessageId && cut(outcome.providerMessageId, MAX_PROVIDER_ID),
        outcome.attempts && JSON.stringify(keptAttempts(outcome.attempts)),
        now,
      ]),
  )
  const uses = outcomes.flatMap(({ quotaUse }) => quotaUse ?? [])
  if (uses.length === 0) return void (await retryingLockConflicts(() => pool.query(RECORD, [parameter])))
  await inTransaction(pool, async (connection) => {
    await connection.query(RECORD, [parameter])
    await addQuotaUse(connection, uses)
  })
}

/** As many as the column takes. The first one stays: it tells since when the task has been tried. */
export function keptAttempts(attempts: readonly TraceAttempt[]): TraceAttempt[] {
  const kept =
    attempts.length > MAX_ATTEMPTS_KEPT ? [...attempts.slice(0, 1), ...attempts.slice(1 - MAX_ATTEMPTS_KEPT)] : attempts
  return kept.map(({ detail, providerCode, ...attempt }) => ({
    ...attempt,
    ...(providerCode === undefined ? {} : { providerCode: cut(providerCode, MAX_PROVIDER_CODE) }),
    ...(detail === undefined ? {} : { detail: cut(detail, MAX_DETAIL) }),
  }))
}

/** To be tried again, but cancelled. */
const STOPPED = "(k.cancelled = 1 AND j.status IN ('RETRY', 'PENDING'))"

const RECORD = `UPDATE JSON_TABLE(?, '$[*]' COLUMNS (
    id BIGINT PATH '$[0]', c DATETIME PATH '$[1]', token VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[2]',
    status VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin PATH '$[3]', retries INT PATH '$[4]', next DATETIME PATH '$[5]',
    code VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin PATH '$[6]', text VARCHAR(500) PATH '$[7]', response TEXT PATH '$[8]',
    provider_id TEXT PATH '$[9]', attempts TEXT PATH '$[10]', now DATETIME PATH '$[11]')) AS j
  STRAIGHT_JOIN msg_channel_task k FORCE INDEX (PRIMARY) ON k.id = j.id AND k.create_time = j.c
  SET k.status = IF(${STOPPED}, 'FAILED', j.status), k.retry_count = COALESCE(j.retries, k.retry_count),
    k.next_retry_time = IF(${STOPPED}, NULL, j.next), k.error_code = IF(${STOPPED}, 'CANCELLED', j.code),
    k.result_message = IF(${STOPPED}, LEFT(CONCAT('CANCELLED: not tried again after ', COALESCE(j.text, 'it waited')), ${MAX_RESULT}), j.text),
    k.third_party_response = COALESCE(j.response, k.third_party_response), k.provider_message_id = j.provider_id,
    k.attempts = COALESCE(j.attempts, k.attempts), k.finish_time = IF(j.status IN ('SUCCESS', 'FAILED') OR ${STOPPED}, j.now, NULL), k.claim_token = NULL, k.lease_until = NULL,
    k.interruptions = IF(j.status = 'FAILED', k.interruptions, 0), k.crashes = IF(j.status = 'FAILED', k.crashes, 0)
  WHERE (j.token IS NULL AND k.status IN ('PENDING', 'RETRY')) OR (k.status = 'SENDING' AND k.claim_token = j.token)`
