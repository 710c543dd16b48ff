import type { Pool, PoolConnection, ResultSetHeader, RowDataPacket } from 'mysql2/promise'
import type { FailureCode, MessageStatus, TaskStatus } from '../contracts/messages.ts'
import { createParameters } from '../database/parameters.ts'
import { inTransaction } from '../database/transaction.ts'
import { type RowKey, whereRows } from '../database/where-rows.ts'
import { becomingFinal, type CallbackRef, callbackBecomingDue, FINAL_STATUSES } from './becoming-final.ts'
import { retryingLockConflicts } from './claim-tasks.ts'
import { type MessageRef, REFS_TABLE, refsParameter } from './message-ref.ts'

/** What the status of a message is derived from, in channel order. */
export interface TaskState {
  status: TaskStatus
  errorCode: FailureCode | null
  resultMessage: string | null
}

export interface DerivedStatus {
  status: MessageStatus
  totalChannels: number
  successChannels: number
  failedChannels: number
  errorCode: FailureCode | null
  errorMessage: string | null
}

/**
 * The status of a dispatched message: final once all its tasks are. A failed one carries the code that its tasks share,
 * else the first in channel order.
 */
export function deriveStatus(tasks: readonly TaskState[]): DerivedStatus {
  const success = tasks.filter((task) => task.status === 'SUCCESS').length
  const failed = tasks.filter((task) => task.status === 'FAILED')
  const counts = { totalChannels: tasks.length, successChannels: success, failedChannels: failed.length }
  if (success + failed.length < tasks.length || tasks.length === 0) {
    return { status: 'PROCESSING', ...counts, errorCode: null, errorMessage: null }
  }
  const first = failed[0]
  if (!first) return { status: 'SUCCESS', ...counts, errorCode: null, errorMessage: null }
  return {
    status: success > 0 ? 'PARTIAL_SUCCESS' : 'FAILED',
    ...counts,
    errorCode: first.errorCode,
    errorMessage: first.resultMessage,
  }
}

export interface FinishedMessage extends MessageRef {
  status: MessageStatus
  /** The callback that became due with it; null where none is wanted. */
  callback: CallbackRef | null
  /** Where it is in a trace, W3C; absent where whoever finished it does not know. */
  traceparent?: string | null
}

/** What becomes of a message's row, if that is still the row it was. */
type FinalRow = DerivedStatus & RowKey & { revision: number }

/**
 * Derives the status of messages from their tasks and stores it where it has become final. Called after the tasks'
 * outcomes are committed, so of several writers at least the last one sees all tasks final; writing twice changes nothing,
 * and makes no second callback due. What an operator has retried or cancelled since its tasks were read is left alone: its
 * revision is another one.
 * @param channelOrder position of a channel type among the registered ones
 * @returns the messages that became final by this call
 */
export async function finishMessages(
  pool: Pool | PoolConnection,
  refs: readonly MessageRef[],
  channelOrder: (channelType: string) => number,
): Promise<FinishedMessage[]> {
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT STRAIGHT_JOIN k.tenant_id, k.message_id, DATE_FORMAT(k.create_time, '%Y-%m-%d %H:%i:%s') AS create_time,
       k.channel_type, k.status, k.error_code, k.result_message, m.revision, m.id AS row_id, m.callback_state, m.callback_generation, m.traceparent
     FROM ${REFS_TABLE} JOIN msg_message m FORCE INDEX (uk_message) ON m.tenant_id = j.t AND m.message_id = j.m AND m.create_time = j.c
     JOIN msg_channel_task k FORCE INDEX (uk_task) ON k.tenant_id = j.t AND k.message_id = j.m AND k.create_time = j.c
     WHERE m.status NOT IN ${FINAL_STATUSES}`,
    [refsParameter(refs)],
  )
  const byMessage = Map.groupBy(rows, (row) => `${row.tenant_id} ${row.message_id}`)
  const finished = [...byMessage.values()].flatMap((tasks) => {
    const ordered = tasks.toSorted((a, b) => channelOrder(a.channel_type) - channelOrder(b.channel_type))
    const derived = deriveStatus(
      ordered.map((task) => ({ status: task.status, errorCode: task.error_code, resultMessage: task.result_message })),
    )
    const [first] = tasks
    if (!first || derived.status === 'PROCESSING') return []
    const ref = { tenantId: first.tenant_id, messageId: first.message_id, createTime: first.create_time }
    const callback = callbackBecomingDue(ref, first)
    const row = { id: String(first.row_id), revision: Number(first.revision) }
    return [{ ...ref, ...derived, ...row, callback, traceparent: first.traceparent }]
  })
  return storeFinal(pool, finished)
}

/**
 * Of two who find the same messages ended, each is told of those that it made final: counts, log lines and callbacks follow.
 * @param pool a connection where the caller has locked the messages
 */
async function storeFinal<Row extends FinalRow>(pool: Pool | PoolConnection, finished: Row[]): Promise<Row[]> {
  if (finished.length === 0) return []
  // Of one, the number of rows tells whose it was.
  if (finished.length === 1 || !isPool(pool))
    return (await setFinal(pool, finished)) === finished.length ? finished : []
  return inTransaction(pool, async (connection) => {
    const open = await lockOpen(connection, finished)
    const ours = finished.filter(({ id, revision }) => open.get(id) === revision)
    if (ours.length > 0) await setFinal(connection, ours)
    return ours
  })
}

function isPool(pool: Pool | PoolConnection): pool is Pool {
  return 'getConnection' in pool
}

/** @returns the revisions of those that are not final, by id; nobody else makes them final before the transaction ends */
async function lockOpen(connection: PoolConnection, rows: readonly FinalRow[]): Promise<Map<string, number>> {
  const { values, bind } = createParameters()
  const [open] = await connection.query<RowDataPacket[]>(
    `SELECT m.id, m.revision FROM msg_message m FORCE INDEX (PRIMARY)
     WHERE ${whereRows('m', rows, bind)} AND m.status NOT IN ${FINAL_STATUSES} FOR UPDATE`,
    values,
  )
  return new Map(open.map(({ id, revision }) => [String(id), Number(revision)]))
}

/** @returns how many became final by it */
async function setFinal(pool: Pool | PoolConnection, finished: readonly FinalRow[]): Promise<number> {
  const { values, bind, bindEach } = createParameters()
  const each = (field: (row: FinalRow) => unknown) =>
    bindEach(
      'm.id',
      finished.map((row) => [row.id, field(row)]),
    )
  const statement = `UPDATE msg_message m FORCE INDEX (PRIMARY)
    SET m.status = ${each(({ status }) => status)}, m.total_channels = ${each(({ totalChannels }) => totalChannels)},
      m.success_channels = ${each(({ successChannels }) => successChannels)}, m.failed_channels = ${each(({ failedChannels }) => failedChannels)},
      m.error_code = ${each(({ errorCode }) => errorCode)}, m.error_message = ${each(({ errorMessage }) => errorMessage)},
      m.finish_time = COALESCE(m.finish_time, UTC_TIMESTAMP()),
      ${becomingFinal('TRUE', 'NULL')}
    WHERE ${whereRows('m', finished, bind)} AND m.revision = ${each(({ revision }) => revision)} AND m.status NOT IN ${FINAL_STATUSES}`
  const [{ affectedRows }] = await retryingLockConflicts(() => pool.query<ResultSetHeader>(statement, values))
  return affectedRows
}
