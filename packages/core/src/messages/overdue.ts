import type { Pool, RowDataPacket } from 'mysql2/promise'
import { LATEST_CHANGE_NUMBER } from '../configs/change.ts'
import type { MessageStatus, TaskStatus } from '../contracts/messages.ts'
import { FINAL_STATUSES } from './becoming-final.ts'
import { retryingLockConflicts } from './claim-tasks.ts'
import { compareRefs, type MessageRef, REFS_TABLE, refsParameter, toDatetimeMs } from './message-ref.ts'

/** A message that is not final, or final with its callback still to be made, and should have moved by now. */
export interface OverdueMessage extends MessageRef {
  rowId: string
  dueTime: Date
  status: MessageStatus
  /** It has not been through the pipeline, or is to go through it again for some of its channels. */
  awaitsPipeline: boolean
  jobId: string | null
  priority: number
  expiresAt: Date | null
  /** Its acceptance, or `sendAt`. */
  sendableSince: Date
  traceparent: string | null
  /** A final one is here for its callback. */
  callback: { generation: number; nextTime: Date | null }
}

/** A task of such a message that is not final. */
export interface OpenTask extends MessageRef {
  taskId: string
  channelType: string
  configId: string
  status: TaskStatus
  generation: number
  retryCount: number
  maxRetry: number
  nextRetryTime: Date | null
  leaseUntil: Date | null
  /** The newest change of configs: whoever sends the task has to know it. */
  changeNumber: number
}

/** Where the previous page ended. */
export type OverdueCursor = Pick<OverdueMessage, 'dueTime' | 'rowId'>

/**
 * A page of messages that are due, longest due first: those without a job by now, the others after a grace.
 * @param before due before this; null = everything that is not over, whenever it is due
 * @param graceMs what has a job is left alone for so long
 */
export async function findOverdue(
  pool: Pool,
  options: { before: Date | null; graceMs: number; limit: number; after: OverdueCursor | null },
): Promise<OverdueMessage[]> {
  const { before, graceMs, limit, after } = options
  const conditions = ['due_time IS NOT NULL']
  const values: unknown[] = []
  if (before) {
    conditions.push('due_time <= ?', '(job_id IS NULL OR due_time <= ?)')
    values.push(toDatetimeMs(before), toDatetimeMs(new Date(before.getTime() - graceMs)))
  }
  if (after) {
    conditions.push('(due_time > ? OR (due_time = ? AND id > ?))')
    values.push(toDatetimeMs(after.dueTime), toDatetimeMs(after.dueTime), after.rowId)
  }
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT id, tenant_id, message_id, DATE_FORMAT(create_time, '%Y-%m-%d %H:%i:%s') AS create_time, due_time, status, job_id,
       (status = 'PENDING' OR rerun_channels IS NOT NULL) AS awaits_pipeline, priority, expires_at, callback_generation,
       callback_next_time, accepted_at, send_at, traceparent
     FROM msg_message WHERE ${conditions.join(' AND ')} ORDER BY due_time, id LIMIT ?`,
    [...values, limit],
  )
  return rows.map((row) => ({
    rowId: String(row.id),
    tenantId: row.tenant_id,
    messageId: row.message_id,
    createTime: row.create_time,
    dueTime: row.due_time,
    status: row.status,
    awaitsPipeline: Boolean(Number(row.awaits_pipeline)),
    jobId: row.job_id,
    priority: row.priority,
    expiresAt: row.expires_at,
    sendableSince: row.send_at ?? row.accepted_at,
    traceparent: row.traceparent,
    callback: { generation: row.callback_generation, nextTime: row.callback_next_time },
  }))
}

/** The tasks of these messages that are not final, but for those that wait for the pipeline. */
export async function findOpenTasks(pool: Pool, refs: readonly MessageRef[]): Promise<OpenTask[]> {
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT STRAIGHT_JOIN k.id, k.tenant_id, k.message_id, DATE_FORMAT(k.create_time, '%Y-%m-%d %H:%i:%s') AS create_time,
       k.channel_type, k.channel_config_id, k.status, k.generation, k.retry_count, k.max_retry, k.next_retry_time, k.lease_until,
       ${LATEST_CHANGE_NUMBER} AS change_number
     FROM ${REFS_TABLE} JOIN msg_channel_task k FORCE INDEX (uk_task) ON k.tenant_id = j.t AND k.message_id = j.m AND k.create_time = j.c
     WHERE k.status IN ('PENDING', 'SENDING', 'RETRY') AND k.rendered_content IS NOT NULL`,
    [refsParameter(refs)],
  )
  return rows.map((row) => ({
    taskId: String(row.id),
    tenantId: row.tenant_id,
    messageId: row.message_id,
    createTime: row.create_time,
    channelType: row.channel_type,
    configId: String(row.channel_config_id),
    status: row.status,
    generation: row.generation,
    retryCount: row.retry_count,
    maxRetry: row.max_retry,
    nextRetryTime: row.next_retry_time,
    leaseUntil: row.lease_until,
    changeNumber: Number(row.change_number),
  }))
}

/** Gives messages that await the pipeline the job that will carry them. */
export async function assignJob(pool: Pool, refs: readonly (MessageRef & { jobId: string })[]): Promise<void> {
  const parameter = refs.toSorted(compareRefs).map((ref) => [ref.tenantId, ref.messageId, ref.createTime, ref.jobId])
  await retryingLockConflicts(() =>
    pool.query(
      `UPDATE JSON_TABLE(?, '$[*]' COLUMNS (
         t BIGINT PATH '$[0]', m VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[1]', c DATETIME PATH '$[2]',
         job VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[3]')) AS j
       STRAIGHT_JOIN msg_message m FORCE INDEX (uk_message) ON m.tenant_id = j.t AND m.message_id = j.m AND m.create_time = j.c
       SET m.job_id = j.job WHERE m.status = 'PENDING' OR m.rerun_channels IS NOT NULL`,
      [JSON.stringify(parameter)],
    ),
  )
}

/** Notes that these tasks get a job of the next generation. */
export async function raiseGeneration(
  pool: Pool,
  tasks: readonly Pick<OpenTask, 'taskId' | 'createTime' | 'generation'>[],
): Promise<void> {
  const parameter = tasks
    .toSorted((a, b) => a.taskId.length - b.taskId.length || (a.taskId < b.taskId ? -1 : 1))
    .map((task) => [task.taskId, task.createTime, task.generation + 1])
  await retryingLockConflicts(() =>
    pool.query(
      `UPDATE JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$[0]', c DATETIME PATH '$[1]', generation INT PATH '$[2]')) AS j
       STRAIGHT_JOIN msg_channel_task k FORCE INDEX (PRIMARY) ON k.id = j.id AND k.create_time = j.c SET k.generation = j.generation`,
      [JSON.stringify(parameter)],
    ),
  )
}

/**
 * Moves the next look at messages that are not over, unless they have got another due time since they were found; a callback
 * that waits for a later time is looked at then.
 */
export async function lookAgainAt(
  pool: Pool,
  refs: readonly (MessageRef & Pick<OverdueMessage, 'dueTime'>)[],
  at: Date,
): Promise<void> {
  if (refs.length === 0) return
  const parameter = refs
    .toSorted(compareRefs)
    .map((ref) => [ref.tenantId, ref.messageId, ref.createTime, toDatetimeMs(ref.dueTime), toDatetimeMs(at)])
  await retryingLockConflicts(() =>
    pool.query(
      `UPDATE JSON_TABLE(?, '$[*]' COLUMNS (
         t BIGINT PATH '$[0]', m VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[1]', c DATETIME PATH '$[2]',
         due DATETIME(3) PATH '$[3]', later DATETIME(3) PATH '$[4]')) AS j
       STRAIGHT_JOIN msg_message m FORCE INDEX (uk_message) ON m.tenant_id = j.t AND m.message_id = j.m AND m.create_time = j.c
       SET m.due_time = IF(m.status IN ${FINAL_STATUSES} AND m.callback_next_time > j.later, m.callback_next_time, j.later)
       WHERE m.due_time = j.due`,
      [JSON.stringify(parameter)],
    ),
  )
}
