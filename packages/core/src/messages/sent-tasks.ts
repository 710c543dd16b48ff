import type { Pool, RowDataPacket } from 'mysql2/promise'
import { retryingLockConflicts, type TaskRef } from './claim-tasks.ts'
import { cut, MAX_TEXT } from './outcome.ts'

/** A task that the provider took, as far as questions about it need it. */
export interface SentTask {
  providerMessageId: string | null
  resultMessage: string | null
}

/** A task that ended as SUCCESS; undefined where it did not, or is no more. */
export async function findSentTask(pool: Pool, { taskId, createTime }: TaskRef): Promise<SentTask | undefined> {
  const [[row]] = await pool.query<RowDataPacket[]>(
    `SELECT provider_message_id, result_message FROM msg_channel_task
     WHERE id = ? AND create_time = ? AND status = 'SUCCESS'`,
    [taskId, createTime],
  )
  return row && { providerMessageId: row.provider_message_id, resultMessage: row.result_message }
}

/** Adds to what a sent task tells people, once however often it is called with the same text. */
export async function addToResult(pool: Pool, ref: TaskRef, detail: string): Promise<void> {
  const task = await findSentTask(pool, ref)
  const told = task?.resultMessage ?? ''
  if (!task || told.includes(detail)) return
  const text = told === '' || told === 'ok' ? detail : `${told}; ${detail}`
  await retryingLockConflicts(() =>
    pool.query(
      `UPDATE msg_channel_task SET result_message = ? WHERE id = ? AND create_time = ? AND status = 'SUCCESS'`,
      [cut(text, MAX_TEXT), ref.taskId, ref.createTime],
    ),
  )
}

/** Notes that a sent task was taken back, and tells people so; it stays SUCCESS. */
export async function markRecalled(pool: Pool, ref: TaskRef): Promise<void> {
  await retryingLockConflicts(() =>
    pool.query(
      `UPDATE msg_channel_task SET recall_time = COALESCE(recall_time, UTC_TIMESTAMP())
       WHERE id = ? AND create_time = ? AND status = 'SUCCESS'`,
      [ref.taskId, ref.createTime],
    ),
  )
  await addToResult(pool, ref, 'recalled by an operator')
}

/** When a task was taken back; undefined where it was not. */
export async function recallTimeOf(pool: Pool, { taskId, createTime }: TaskRef): Promise<Date | undefined> {
  const [[row]] = await pool.query<RowDataPacket[]>(
    'SELECT recall_time FROM msg_channel_task WHERE id = ? AND create_time = ?',
    [taskId, createTime],
  )
  return row?.recall_time ?? undefined
}
