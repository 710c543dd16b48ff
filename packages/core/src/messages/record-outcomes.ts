import type { Pool, PoolConnection } from 'mysql2/promise'
import type { FailureCode, TraceAttempt } from '../contracts/messages.ts'
import { createParameters } from '../database/parameters.ts'
import { inTransaction } from '../database/transaction.ts'
import { addQuotaUse, type QuotaUse } from '../quota/quota-usage.ts'
import { retryingLockConflicts, type TaskRef, whereTasks } from './claim-tasks.ts'
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
 * Records outcomes, those of one status in one statement, and with them, where a config has a quota, what they took of it. An outcome counts only
 * for the holder of the claim: an attempt that was given up meanwhile changes nothing. What was cancelled while it was being
 * sent is not tried again: it ends as CANCELLED. A send that has ended makes up for those that did not.
 */
export async function recordOutcomes(pool: Pool, outcomes: readonly TaskOutcome[]): Promise<void> {
  const alike = [...Map.groupBy(outcomes, ({ status, token }) => `${status} ${token === null}`).values()]
  const uses = outcomes.flatMap(({ quotaUse }) => quotaUse ?? [])
  if (uses.length === 0) {
    for (const group of alike) await retryingLockConflicts(() => recordAlike(pool, group))
    return
  }
  await inTransaction(pool, async (connection) => {
    for (const group of alike) await recordAlike(connection, group)
    await addQuotaUse(connection, uses)
  })
}

/** Outcomes of one status, all by the holders of their claims or all of tasks that nobody holds. */
async function recordAlike(connection: Pool | PoolConnection, outcomes: readonly TaskOutcome[]): Promise<void> {
  const [{ status, token }] = outcomes as [TaskOutcome]
  const ends = status === 'SUCCESS' || status === 'FAILED'
  // To be tried again, but cancelled.
  const stopped = ends ? 'FALSE' : 'k.cancelled = 1'
  const { values, bind, bindEach } = createParameters()
  // By its token each outcome finds the task as that attempt took it, whatever else was recorded of the task meanwhile.
  const each = (field: (outcome: TaskOutcome) => unknown) =>
    bindEach(
      token === null ? 'k.id' : 'k.claim_token',
      outcomes.map((outcome) => [outcome.token ?? outcome.taskId, field(outcome)]),
    )
  // The columns are set from left to right: what tells the rows apart goes last.
  const statement = `UPDATE msg_channel_task k FORCE INDEX (PRIMARY)
    SET k.retry_count = COALESCE(${each(({ retryCount }) => retryCount)}, k.retry_count),
      k.next_retry_time = IF(${stopped}, NULL, ${each(({ nextRetryTime }) => nextRetryTime && toDatetime(nextRetryTime))}),
      k.error_code = IF(${stopped}, 'CANCELLED', ${each(({ errorCode }) => errorCode)}),
      k.result_message = IF(${stopped}, ${each(textOfStopped)}, ${each(({ resultMessage }) => resultMessage && cut(resultMessage, MAX_RESULT))}),
      k.third_party_response = COALESCE(${each(({ thirdPartyResponse }) => thirdPartyResponse && cut(thirdPartyResponse, MAX_RESPONSE))}, k.third_party_response),
      k.provider_message_id = ${each(({ providerMessageId }) => providerMessageId && cut(providerMessageId, MAX_PROVIDER_ID))},
      k.attempts = COALESCE(${each(({ attempts }) => attempts && JSON.stringify(keptAttempts(attempts)))}, k.attempts),
      k.finish_time = IF(${ends} OR ${stopped}, ${bind(toDatetime(new Date()))}, NULL), k.lease_until = NULL,
      k.interruptions = IF(${status === 'FAILED'}, k.interruptions, 0), k.crashes = IF(${status === 'FAILED'}, k.crashes, 0),
      k.status = IF(${stopped}, 'FAILED', ${bind(status)}), k.claim_token = NULL
    WHERE ${whereTasks(outcomes, bind)} AND ${isHeld()}`
  await connection.query(statement, values)

  function isHeld(): string {
    if (token === null) return "k.status IN ('PENDING', 'RETRY')"
    return `k.status = 'SENDING' AND k.claim_token IN (${bind(outcomes.map((outcome) => outcome.token))})`
  }
}

function textOfStopped({ resultMessage }: TaskOutcome): string {
  return cut(`CANCELLED: not tried again after ${resultMessage ?? 'it waited'}`, MAX_RESULT)
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
