import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { Recipients } from '../channels/adapter.ts'
import type { MessageType } from '../contracts/content.ts'
import type { TaskStatus } from '../contracts/messages.ts'
import { createParameters } from '../database/parameters.ts'
import { isLockConflict } from '../database/transaction.ts'
import { whereRows } from '../database/where-rows.ts'
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
  // Those of one process differ in little but their tokens: one statement takes them all, but for those that take over.
  const alike = Map.groupBy(requests, (claim) =>
    JSON.stringify([claim.leaseMs, claim.dueBy === null, claim.takeOverFrom]),
  )
  for (const claims of alike.values()) await claimAlike(pool, claims)
  const { values, bind } = createParameters()
  const tasks = whereTasks(requests, bind)
  const askedAt = performance.now()
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT k.id, k.status, k.message_type, k.rendered_content, k.recipients, k.retry_count, k.max_retry, k.claim_token,
       k.lease_until, TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(3), k.lease_until) AS lease_left, k.next_retry_time, k.attempts,
       k.progress, k.cancelled, k.retried_at, k.interruptions, k.crashes
     FROM msg_channel_task k FORCE INDEX (PRIMARY) WHERE ${tasks}`,
    values,
  )
  const byId = new Map(rows.map((row) => [String(row.id), row]))
  return requests.map(({ taskId }) => {
    const row = byId.get(taskId)
    return row && toTask(row, askedAt)
  })
}

/** Claims that differ in nothing but their tasks, their tokens and when they were asked. */
async function claimAlike(pool: Pool, claims: readonly ClaimRequest[]): Promise<void> {
  const [{ leaseMs, takeOverFrom }] = claims as [ClaimRequest]
  const { values, bind, bindEach } = createParameters()
  const token = bindEach(
    'k.id',
    claims.map((claim) => [claim.taskId, claim.token]),
  )
  const lease = bind(leaseMs * 1000)
  const tasks = whereTasks(claims, bind)
  const isFree = takeOverFrom === null ? isWaiting(claims, bind) : isAbandoned(takeOverFrom, bind)
  await retryingLockConflicts(() =>
    pool.query(
      `UPDATE msg_channel_task k FORCE INDEX (PRIMARY) SET k.status = 'SENDING', k.claim_token = ${token},
         k.lease_until = UTC_TIMESTAMP(3) + INTERVAL ${lease} MICROSECOND, k.next_retry_time = NULL,
         k.interruptions = k.interruptions + ${takeOverFrom === null ? 0 : 1}
       WHERE ${tasks} AND ${isFree}`,
      values,
    ),
  )
}

function isWaiting(claims: readonly ClaimRequest[], bind: (value: unknown) => string): string {
  const waits = "k.status IN ('PENDING', 'RETRY') AND k.rendered_content IS NOT NULL"
  const dueBy = claims.map((claim) => claim.dueBy ?? null)
  if (dueBy[0] === null) return waits
  // What is due for the one who asked last is due for all by now.
  const latest = new Date(Math.max(...dueBy.map(Number)))
  return `${waits} AND (k.next_retry_time IS NULL OR k.next_retry_time <= ${bind(toDatetimeMs(latest))})`
}

function isAbandoned(holder: string, bind: (value: unknown) => string): string {
  return `k.status = 'SENDING' AND k.claim_token = ${bind(holder)} AND k.lease_until <= UTC_TIMESTAMP(3)`
}

/** SQL that picks these tasks out of `msg_channel_task k`. */
export function whereTasks(tasks: readonly TaskRef[], bind: (value: unknown) => string): string {
  const rows = tasks.map(({ taskId, createTime }) => ({ id: taskId, createTime }))
  return whereRows('k', rows, bind)
}

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
