import type { Pool, PoolConnection, ResultSetHeader, RowDataPacket } from 'mysql2/promise'
import { inTransaction } from '../database/transaction.ts'
import { retryingLockConflicts, type TaskRef } from './claim-tasks.ts'
import { compareRefs, type MessageRef, REFS_TABLE, refsParameter, toDatetimeMs } from './message-ref.ts'
import { keptAttempts } from './record-outcomes.ts'
import { withAttempt } from './task-log.ts'
import { withSteps } from './trace-steps.ts'

/** How often a message, or a task, was in hand when its process died (docs/adr/0028). */
export interface Interruptions {
  /** Whoever was to blame. */
  interruptions: number
  /** While the process had nothing else in its hand. */
  crashes: number
}

/** One may be an accident: somebody may have killed just that process. */
const MAX_CRASHES = 2
/**
 * Where its process takes those with it that could have told of the crash (a container that runs out of memory), only the count
 * is left. From the second time on it is alone, so others seldom have to do with it; so many in a row are no accident.
 */
const MAX_INTERRUPTIONS = 10

/** Whether it has to be set aside. */
export function isPoisoned({ interruptions, crashes }: Interruptions): boolean {
  return crashes >= MAX_CRASHES || interruptions >= MAX_INTERRUPTIONS
}

/** Whether it has to be run with nothing beside it: it has been among the suspects before. */
export function mustBeAlone({ interruptions, crashes }: Interruptions): boolean {
  return crashes > 0 || interruptions > 1
}

/** Why it was set aside, for people. */
export function poisonedText({ interruptions, crashes }: Interruptions): string {
  return crashes >= MAX_CRASHES
    ? `set aside: its process died ${crashes} times while it had nothing else in hand; the trace tells how`
    : `set aside: the process that had it in hand died ${interruptions} times in a row`
}

/** The end of a process, as seen from outside. */
export interface ProcessEnd {
  /** What it signed its claims with. */
  holder: string
  /** It had nothing else in hand. */
  alone: boolean
  /** How it ended, for people. */
  reason: string
  startedAt: Date
  durationMs: number
}

const CRASHED = 'crashed'

/** Counts one more interruption of each of these messages that still awaits the pipeline. */
export async function noteInterruptions(pool: Pool, refs: readonly MessageRef[]): Promise<void> {
  await retryingLockConflicts(() =>
    pool.query(
      `UPDATE ${REFS_TABLE} STRAIGHT_JOIN msg_message m FORCE INDEX (uk_message)
         ON m.tenant_id = j.t AND m.message_id = j.m AND m.create_time = j.c
       SET m.interruptions = m.interruptions + 1 WHERE m.status = 'PENDING' OR m.rerun_channels IS NOT NULL`,
      [refsParameter(refs.toSorted(compareRefs))],
    ),
  )
}

/** Counts the end of the process that was at a message which still awaits the pipeline, and adds it to the message's trace. */
export function noteMessageCrash(pool: Pool, ref: MessageRef, end: ProcessEnd): Promise<void> {
  return inTransaction(pool, async (connection) => {
    const message = [ref.tenantId, ref.messageId, ref.createTime]
    const [[row]] = await connection.query<RowDataPacket[]>(
      `SELECT steps FROM msg_message FORCE INDEX (uk_message) WHERE tenant_id = ? AND message_id = ? AND create_time = ?
         AND (status = 'PENDING' OR rerun_channels IS NOT NULL) FOR UPDATE`,
      message,
    )
    if (!row) return
    const { startedAt, durationMs, reason } = end
    const step = { step: 'quarantine', at: startedAt.toISOString(), durationMs, outcome: CRASHED, detail: reason }
    await connection.query(
      `UPDATE msg_message FORCE INDEX (uk_message) SET interruptions = interruptions + 1, crashes = crashes + ?, steps = ?
       WHERE tenant_id = ? AND message_id = ? AND create_time = ?`,
      [end.alone ? 1 : 0, withSteps(row.steps, [step]), ...message],
    )
  })
}

/**
 * Counts the end of the process that was sending a task, adds it to the task's attempts, and lets go of its claim: nobody has to
 * wait for somebody who is gone.
 */
export function noteTaskCrash(pool: Pool, task: TaskRef, end: ProcessEnd): Promise<void> {
  return inTransaction(pool, async (connection) => {
    const row = await claimedBy(connection, task, end.holder)
    // It had not got as far as to claim the task.
    if (!row) return
    const { startedAt, durationMs, reason } = end
    const attempts = withAttempt(row.attempts, {
      at: startedAt.toISOString(),
      durationMs,
      outcome: CRASHED,
      detail: reason,
    })
    await connection.query<ResultSetHeader>(
      'UPDATE msg_channel_task SET crashes = crashes + ?, attempts = ?, lease_until = ? WHERE id = ? AND create_time = ?',
      [
        end.alone ? 1 : 0,
        JSON.stringify(keptAttempts(attempts)),
        toDatetimeMs(new Date()),
        task.taskId,
        task.createTime,
      ],
    )
  })
}

async function claimedBy(
  connection: PoolConnection,
  { taskId, createTime }: TaskRef,
  holder: string,
): Promise<RowDataPacket | undefined> {
  const [[row]] = await connection.query<RowDataPacket[]>(
    `SELECT attempts FROM msg_channel_task WHERE id = ? AND create_time = ? AND status = 'SENDING'
       AND LEFT(claim_token, ?) = ? FOR UPDATE`,
    [taskId, createTime, holder.length, holder],
  )
  return row
}
