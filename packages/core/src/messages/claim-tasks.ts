import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { Recipients } from '../channels/adapter.ts'
import type { MessageType } from '../contracts/content.ts'
import type { TaskStatus } from '../contracts/messages.ts'
import { isLockConflict } from '../database/transaction.ts'
import { toDatetimeMs } from './message-ref.ts'

/** Names one task and its partition. */
export interface TaskRef {
  taskId: string
  createTime: string
}

export interface ClaimRequest extends TaskRef {
  /** Unique to this attempt. */
  token: string
  /** A task that waits for a later time than this is left alone; null takes it all the same, to end it. */
  dueBy: Date | null
  /** For how long this attempt may be sending, by the database's clock: those of the processes may be set meanwhile. */
  leaseMs: number
  /** The holder to take over from, which happens only once its lease has run out; null for a task that nobody holds. */
  takeOverFrom: string | null
}

/** A task as the database holds it after the claim; it is ours where `claimToken` is the request's. */
export interface ClaimedTask {
  taskId: string
  status: TaskStatus
  messageType: MessageType | null
  renderedContent: string | null
  recipients: Recipients | null
  retryCount: number
  maxRetry: number
  claimToken: string | null
  leaseUntil: Date | null
  /** Until when the lease holds at least, on performance.now()'s clock, which no one can set. */
  leaseEndsAt: number | null
  nextRetryTime: Date | null
  attempts: string | null
  /** JSON of what the adapter saved last. */
  progress: string | null
  /** Cancelled while somebody was sending it. */
  cancelled: boolean
  /** When an operator last had it tried again: earlier attempts do not count. */
  retriedAt: Date | null
  /** Sends that were begun and not ended since the last one that was; a claim that takes over counts one more. */
  interruptions: number
  /** Of these, those whose process died while it sent nothing else. */
  crashes: number
}

/**
 * Marks tasks as being sent. The mark is what keeps a second job of a task, wherever it comes from, from sending too:
 * MySQL decides, whatever Redis remembers. A task without content is the pipeline's: there is nothing to send as yet.
 * @returns the tasks as they are now, in the order asked; undefined for one that does not exist
 */
export async function claimTasks(pool: Pool, requests: readonly ClaimRequest[]): Promise<(ClaimedTask | undefined)[]> {
  const parameter = JSON.stringify(
    requests
      .toSorted((a, b) => compareIds(a.taskId, b.taskId))
      .map((claim) => [
        claim.taskId,
        claim.createTime,
        claim.token,
        claim.leaseMs,
        claim.takeOverFrom,
        claim.dueBy && toDatetimeMs(claim.dueBy),
      ]),
  )
  await retryingLockConflicts(() => pool.query(CLAIM, [parameter]))
  const askedAt = performance.now()
  const [rows] = await pool.query<RowDataPacket[]>(READ, [parameter])
  const byId = new Map(rows.map((row) => [String(row.id), row]))
  return requests.map(({ taskId }) => {
    const row = byId.get(taskId)
    return row && toTask(row, askedAt)
  })
}

const SOURCE = `JSON_TABLE(?, '$[*]' COLUMNS (
  id BIGINT PATH '$[0]', c DATETIME PATH '$[1]', token VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[2]',
  lease BIGINT PATH '$[3]', previous VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[4]',
  due DATETIME(3) PATH '$[5]')) AS j`

const CLAIM = `UPDATE ${SOURCE} STRAIGHT_JOIN msg_channel_task k FORCE INDEX (PRIMARY) ON k.id = j.id AND k.create_time = j.c
  SET k.status = 'SENDING', k.claim_token = j.token,
    k.lease_until = UTC_TIMESTAMP(3) + INTERVAL j.lease * 1000 MICROSECOND, k.next_retry_time = NULL,
    k.interruptions = k.interruptions + (j.previous IS NOT NULL)
  WHERE (j.previous IS NULL AND k.status IN ('PENDING', 'RETRY') AND k.rendered_content IS NOT NULL
      AND (j.due IS NULL OR k.next_retry_time IS NULL OR k.next_retry_time <= j.due))
     OR (k.status = 'SENDING' AND k.claim_token = j.previous AND k.lease_until <= UTC_TIMESTAMP(3))`

const READ = `SELECT STRAIGHT_JOIN k.id, k.status, k.message_type, k.rendered_content, k.recipients, k.retry_count, k.max_retry,
    k.claim_token, k.lease_until,
    TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(3), k.lease_until) AS lease_left, k.next_retry_time, k.attempts, k.progress, k.cancelled, k.retried_at,
    k.interruptions, k.crashes
  FROM ${SOURCE} JOIN msg_channel_task k FORCE INDEX (PRIMARY) ON k.id = j.id AND k.create_time = j.c`

function toTask(row: RowDataPacket, askedAt: number): ClaimedTask {
  return {
    taskId: String(row.id),
    status: row.status,
    messageType: row.message_type,
    renderedContent: row.rendered_content,
    recipients: row.recipients === null ? null : (JSON.parse(row.recipients) as Recipients),
    retryCount: row.retry_count,
    maxRetry: row.max_retry,
    claimToken: row.claim_token,
    leaseUntil: row.lease_until,
    leaseEndsAt: row.lease_left === null ? null : askedAt + Number(row.lease_left) / 1000,
    nextRetryTime: row.next_retry_time,
    attempts: row.attempts,
    progress: row.progress,
    cancelled: row.cancelled === 1,
    retriedAt: row.retried_at,
    interruptions: row.interruptions,
    crashes: row.crashes,
  }
}

/** Order of the primary key: ids are numbers in strings. */
export function compareIds(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0)
}

/** Repeats one autocommitted statement that lost a deadlock. */
export async function retryingLockConflicts<T>(statement: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await statement()
    } catch (error) {
      if (attempt === 8 || !isLockConflict(error)) throw error
    }
  }
}
