import type { Pool, PoolConnection, RowDataPacket } from 'mysql2/promise'
import type { Recipients } from '../channels/adapter.ts'
import type { MessageType } from '../contracts/content.ts'
import type { TraceStep } from '../contracts/messages.ts'
import { inTransaction } from '../database/transaction.ts'
import { becomingFinal, type CallbackRef, callbackBecomingDue } from './becoming-final.ts'
import { compareIds } from './claim-tasks.ts'
import { compareRefs, type MessageRef, REFS_TABLE, refsParameter, toDatetime, toDatetimeMs } from './message-ref.ts'
import { type DerivedStatus, deriveStatus, type TaskState } from './message-status.ts'
import { type Failure, resultMessage } from './outcome.ts'
import { replaceTasks } from './replace-tasks.ts'
import { withSteps } from './trace-steps.ts'

/** A task as the pipeline decided it: to be sent, or failed on the way. In channel order. */
export interface PlannedTask {
  channelType: string
  /** '0' where the channel has no config. */
  configId: string
  messageType: MessageType | null
  renderedContent: string | null
  recipients: Recipients | null
  maxRetry: number
  /** Not before; null = at once. */
  notBefore: Date | null
  failure: Failure | null
}

export interface PlannedMessage extends MessageRef {
  /** The message's revision that the plan is made for. */
  revision: number
  /** The channels that the pipeline ran again for, whose tasks are there already; null = all, for the first time. */
  rerunChannels: readonly string[] | null
  tasks: PlannedTask[]
  /** Set where the message failed as a whole, before any channel. */
  failure: Failure | null
  steps: TraceStep[]
  /** When the dispatch step began, epoch ms. */
  dispatchStartedAt: number
}

export interface DispatchedTask {
  taskId: string
  channelType: string
  configId: string
  generation: number
}

export type DispatchResult =
  /**
   * Nothing was written: another run did it before, or (`superseded`) an operator has retried or cancelled the message since.
   * `begun`: the channels whose tasks wait for no slot any more, for they are being sent or have ended.
   */
  | { dispatched: false; superseded: boolean; begun: string[] }
  /** `callback`: what became due because the message ended on the way. */
  | { dispatched: true; status: DerivedStatus; tasks: DispatchedTask[]; callback: CallbackRef | null }

/**
 * Writes the tasks of messages and the status that follows from them, in one transaction. Only messages that still wait for
 * the pipeline are touched, under their row lock, so that running the pipeline twice dispatches once.
 * @returns one result per message, in the order given; `tasks` are those that wait to be sent
 */
export async function dispatchMessages(pool: Pool, planned: readonly PlannedMessage[]): Promise<DispatchResult[]> {
  return inTransaction(pool, (connection) => dispatchWithin(connection, planned))
}

/** The same within a transaction. */
export async function dispatchWithin(
  connection: PoolConnection,
  planned: readonly PlannedMessage[],
): Promise<DispatchResult[]> {
  // Two jobs may carry the same message into one batch: the first decides.
  const firsts = new Map(planned.toReversed().map((message) => [keyOf(message), message]))
  const sorted = [...firsts.values()].sort(compareRefs)
  const locked = await lockMessages(connection, sorted)
  const mine = sorted.filter((message) => isAwaited(message, locked.get(keyOf(message))))
  const others = sorted.filter((message) => !mine.includes(message))
  const theirs = others.length > 0 ? await readTasks(connection, others) : new Map<string, StoredTask[]>()
  const stored = mine.length > 0 ? await storeTasks(connection, mine) : new Map<string, StoredTask[]>()
  const statuses = new Map(mine.map((message) => [keyOf(message), statusOf(message, stored.get(keyOf(message)) ?? [])]))
  if (mine.length > 0) await storeStatus(connection, mine, { locked, stored, statuses })
  return planned.map((message): DispatchResult => {
    const key = keyOf(message)
    const status = firsts.get(key) === message ? statuses.get(key) : undefined
    if (!status) {
      const superseded = locked.get(key)?.revision !== message.revision
      const begun = (theirs.get(key) ?? []).filter(({ status }) => status !== 'PENDING' && status !== 'RETRY')
      return { dispatched: false, superseded, begun: begun.map(({ channelType }) => channelType) }
    }
    const tasks = (stored.get(key) ?? []).filter(
      (task) => task.status === 'PENDING' && (message.rerunChannels?.includes(task.channelType) ?? true),
    )
    const callback = status.status === 'PROCESSING' ? null : callbackBecomingDue(message, locked.get(key))
    return { dispatched: true, status, tasks, callback }
  })
}

function keyOf({ tenantId, messageId }: MessageRef): string {
  return `${tenantId} ${messageId}`
}

async function lockMessages(
  connection: PoolConnection,
  refs: readonly MessageRef[],
): Promise<Map<string, RowDataPacket>> {
  const [rows] = await connection.query<RowDataPacket[]>(
    // DISTINCT keeps the list a table of its own: MySQL cannot lock a JSON_TABLE, and MariaDB knows no FOR UPDATE OF.
    `SELECT STRAIGHT_JOIN m.id AS row_id, m.tenant_id, m.message_id, m.status, m.revision, m.rerun_channels, m.steps,
       m.callback_state, m.callback_generation
     FROM (SELECT DISTINCT t, m, c FROM ${REFS_TABLE}) AS j
     JOIN msg_message m FORCE INDEX (uk_message) ON m.tenant_id = j.t AND m.message_id = j.m AND m.create_time = j.c FOR UPDATE`,
    [refsParameter(refs)],
  )
  return new Map(rows.map((row) => [`${row.tenant_id} ${row.message_id}`, row]))
}

/** Whether the message still waits for just this plan. */
function isAwaited(message: PlannedMessage, row: RowDataPacket | undefined): boolean {
  if (row?.revision !== message.revision) return false
  return message.rerunChannels === null ? row.status === 'PENDING' : row.rerun_channels !== null
}

type StoredTask = DispatchedTask & TaskState

/** @returns all tasks of the messages as they are now, in channel order */
async function storeTasks(
  connection: PoolConnection,
  messages: readonly PlannedMessage[],
): Promise<Map<string, StoredTask[]>> {
  await insertTasks(connection, messages.filter(({ rerunChannels }) => rerunChannels === null).flatMap(taskRows))
  await replaceTasks(connection, messages.filter(({ rerunChannels }) => rerunChannels !== null).flatMap(taskRows))
  return readTasks(connection, messages)
}

function taskRows(message: PlannedMessage): unknown[][] {
  const now = toDatetime(new Date())
  return message.tasks.map((task) => [
    message.tenantId,
    message.messageId,
    task.channelType,
    task.configId,
    task.messageType,
    // An open task without content waits for the pipeline to run again. A handler may have cut it in the middle of a pair.
    task.renderedContent?.toWellFormed() ?? (task.failure ? null : ''),
    task.recipients && JSON.stringify(task.recipients),
    task.failure ? 'FAILED' : 'PENDING',
    task.maxRetry,
    task.failure ? null : task.notBefore && toDatetime(task.notBefore),
    task.failure?.code ?? null,
    task.failure && resultMessage(task.failure),
    task.failure && now,
    message.createTime,
  ])
}

async function insertTasks(connection: PoolConnection, rows: unknown[][]): Promise<void> {
  if (rows.length === 0) return
  await connection.query(
    `INSERT INTO msg_channel_task (tenant_id, message_id, channel_type, channel_config_id, message_type, rendered_content,
       recipients, status, max_retry, next_retry_time, error_code, result_message, finish_time, create_time) VALUES ?`,
    [rows],
  )
}

async function readTasks(connection: PoolConnection, refs: readonly MessageRef[]): Promise<Map<string, StoredTask[]>> {
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT STRAIGHT_JOIN k.id, k.tenant_id, k.message_id, k.channel_type, k.channel_config_id, k.status, k.generation,
       k.error_code, k.result_message
     FROM ${REFS_TABLE} JOIN msg_channel_task k FORCE INDEX (uk_task) ON k.tenant_id = j.t AND k.message_id = j.m AND k.create_time = j.c`,
    [refsParameter(refs)],
  )
  // They were inserted in channel order.
  const inOrder = rows.toSorted((a, b) => compareIds(String(a.id), String(b.id)))
  const byMessage = Map.groupBy(inOrder, (row) => `${row.tenant_id} ${row.message_id}`)
  return new Map([...byMessage].map(([key, tasks]) => [key, tasks.map(toStoredTask)]))
}

function toStoredTask(row: RowDataPacket): StoredTask {
  return {
    taskId: String(row.id),
    channelType: row.channel_type,
    configId: String(row.channel_config_id),
    generation: row.generation,
    status: row.status,
    errorCode: row.error_code,
    resultMessage: row.result_message,
  }
}

function statusOf({ failure, rerunChannels, tasks }: PlannedMessage, stored: readonly StoredTask[]): DerivedStatus {
  if (failure === null || rerunChannels !== null) return deriveStatus(stored)
  const counts = { totalChannels: tasks.length, successChannels: 0, failedChannels: tasks.length }
  return { status: 'FAILED', ...counts, errorCode: failure.code, errorMessage: resultMessage(failure) }
}

async function storeStatus(
  connection: PoolConnection,
  messages: readonly PlannedMessage[],
  known: {
    locked: ReadonlyMap<string, RowDataPacket>
    stored: ReadonlyMap<string, readonly StoredTask[]>
    statuses: ReadonlyMap<string, DerivedStatus>
  },
): Promise<void> {
  const now = new Date()
  const parameter = messages.map((message) => {
    const key = keyOf(message)
    const status = known.statuses.get(key)
    const final = status?.status !== 'PROCESSING'
    return [
      message.tenantId,
      message.messageId,
      message.createTime,
      status?.status,
      status?.totalChannels,
      status?.failedChannels,
      status?.errorCode,
      status?.errorMessage,
      final ? null : toDatetimeMs(earliestDue(message, known.stored.get(key) ?? [], now)),
      final ? toDatetime(now) : null,
      withSteps(known.locked.get(key)?.steps ?? null, [...message.steps, ...dispatchSteps(message, status, now)]),
      status?.successChannels,
    ]
  })
  await connection.query(
    `UPDATE JSON_TABLE(?, '$[*]' COLUMNS (
       t BIGINT PATH '$[0]', m VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[1]', c DATETIME PATH '$[2]',
       status VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin PATH '$[3]', total INT PATH '$[4]', failed INT PATH '$[5]',
       code VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin PATH '$[6]', text VARCHAR(500) PATH '$[7]',
       due DATETIME(3) PATH '$[8]', finish DATETIME PATH '$[9]', steps TEXT PATH '$[10]', success INT PATH '$[11]')) AS j
     STRAIGHT_JOIN msg_message m FORCE INDEX (uk_message) ON m.tenant_id = j.t AND m.message_id = j.m AND m.create_time = j.c
     SET m.status = j.status, m.total_channels = j.total, m.success_channels = j.success, m.failed_channels = j.failed,
       m.error_code = j.code, m.error_message = j.text, m.finish_time = j.finish, m.steps = j.steps, m.rerun_channels = NULL,
       ${becomingFinal('j.finish IS NOT NULL', 'j.due')}`,
    [JSON.stringify(parameter)],
  )
}

/** The last two steps are what is being written here: their traces go along. */
function dispatchSteps(message: PlannedMessage, status: DerivedStatus | undefined, now: Date): TraceStep[] {
  const started = new Date(message.dispatchStartedAt).toISOString()
  const dispatch = {
    step: 'channel-dispatch',
    at: started,
    durationMs: now.getTime() - message.dispatchStartedAt,
    outcome: 'ok',
  }
  const tracking = {
    step: 'status-tracking',
    at: now.toISOString(),
    durationMs: 0,
    outcome: status?.status ?? 'PROCESSING',
  }
  return message.failure ? [tracking] : [dispatch, tracking]
}

/** When the reconciler has to look first whether a task of the message was forgotten. */
function earliestDue(message: PlannedMessage, stored: readonly StoredTask[], now: Date): Date {
  const times = message.tasks.filter(({ failure }) => !failure).map(({ notBefore }) => notBefore ?? now)
  const open = stored.filter(({ status }) => status !== 'SUCCESS' && status !== 'FAILED')
  // Other tasks that an operator has had tried again.
  if (open.length > times.length) return now
  return new Date(Math.min(...times.map((time) => time.getTime())))
}
