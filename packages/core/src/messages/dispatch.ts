import type { Pool, PoolConnection, RowDataPacket } from 'mysql2/promise'
import type { Recipients } from '../channels/adapter.ts'
import type { MessageType } from '../contracts/content.ts'
import type { TraceStep } from '../contracts/messages.ts'
import { inTransaction } from '../database/transaction.ts'
import { becomingFinal, type CallbackRef, callbackBecomingDue } from './becoming-final.ts'
import { compareRefs, type MessageRef, REFS_TABLE, refsParameter, toDatetime, toDatetimeMs } from './message-ref.ts'
import { type DerivedStatus, deriveStatus } from './message-status.ts'
import { type Failure, resultMessage } from './outcome.ts'

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
}

export type DispatchResult =
  /** The message was dispatched or ended before (another run, a cancel): nothing was written. */
  | { dispatched: false }
  /** `callback`: what became due because the message failed on the way. */
  | { dispatched: true; status: DerivedStatus; tasks: DispatchedTask[]; callback: CallbackRef | null }

/**
 * Writes the tasks of messages and the status that follows from them, in one transaction. Only messages that are still
 * PENDING are touched, under their row lock, so that running the pipeline twice dispatches once.
 * @returns one result per message, in the order given; `tasks` are those that wait to be sent
 */
export async function dispatchMessages(pool: Pool, planned: readonly PlannedMessage[]): Promise<DispatchResult[]> {
  // Two jobs may carry the same message into one batch: the first decides.
  const firsts = new Map(planned.toReversed().map((message) => [keyOf(message), message]))
  const sorted = [...firsts.values()].sort(compareRefs)
  return inTransaction(pool, async (connection) => {
    const pending = await lockPending(connection, sorted)
    const mine = sorted.filter((message) => pending.has(keyOf(message)))
    if (mine.length === 0) return planned.map(() => ({ dispatched: false }))
    await insertTasks(connection, mine)
    const ids = await taskIds(connection, mine)
    const statuses = new Map(mine.map((message) => [keyOf(message), statusOf(message)]))
    await storeStatus(connection, mine, statuses)
    return planned.map((message): DispatchResult => {
      const status = firsts.get(keyOf(message)) === message ? statuses.get(keyOf(message)) : undefined
      if (!status) return { dispatched: false }
      const callback = status.status === 'FAILED' ? callbackBecomingDue(message, pending.get(keyOf(message))) : null
      return { dispatched: true, status, tasks: ids.get(keyOf(message)) ?? [], callback }
    })
  })
}

function keyOf({ tenantId, messageId }: MessageRef): string {
  return `${tenantId} ${messageId}`
}

/** The rows of those that are PENDING, by `keyOf`. */
async function lockPending(
  connection: PoolConnection,
  refs: readonly MessageRef[],
): Promise<Map<string, RowDataPacket>> {
  const [rows] = await connection.query<RowDataPacket[]>(
    // DISTINCT keeps the list a table of its own: MySQL cannot lock a JSON_TABLE, and MariaDB knows no FOR UPDATE OF.
    `SELECT STRAIGHT_JOIN m.id AS row_id, m.tenant_id, m.message_id, m.status, m.callback_state, m.callback_generation
     FROM (SELECT DISTINCT t, m, c FROM ${REFS_TABLE}) AS j
     JOIN msg_message m FORCE INDEX (uk_message) ON m.tenant_id = j.t AND m.message_id = j.m AND m.create_time = j.c FOR UPDATE`,
    [refsParameter(refs)],
  )
  const pending = rows.filter((row) => row.status === 'PENDING')
  return new Map(pending.map((row) => [`${row.tenant_id} ${row.message_id}`, row]))
}

async function insertTasks(connection: PoolConnection, messages: readonly PlannedMessage[]): Promise<void> {
  const now = toDatetime(new Date())
  const rows = messages.flatMap((message) =>
    message.tasks.map((task) => [
      message.tenantId,
      message.messageId,
      task.channelType,
      task.configId,
      task.messageType,
      task.renderedContent,
      task.recipients && JSON.stringify(task.recipients),
      task.failure ? 'FAILED' : 'PENDING',
      task.maxRetry,
      task.failure ? null : task.notBefore && toDatetime(task.notBefore),
      task.failure?.code ?? null,
      task.failure && resultMessage(task.failure),
      task.failure && now,
      message.createTime,
    ]),
  )
  if (rows.length === 0) return
  await connection.query(
    `INSERT INTO msg_channel_task (tenant_id, message_id, channel_type, channel_config_id, message_type, rendered_content,
       recipients, status, max_retry, next_retry_time, error_code, result_message, finish_time, create_time) VALUES ?`,
    [rows],
  )
}

async function taskIds(
  connection: PoolConnection,
  refs: readonly MessageRef[],
): Promise<Map<string, DispatchedTask[]>> {
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT STRAIGHT_JOIN k.id, k.tenant_id, k.message_id, k.channel_type, k.channel_config_id, k.status FROM ${REFS_TABLE}
     JOIN msg_channel_task k FORCE INDEX (uk_task) ON k.tenant_id = j.t AND k.message_id = j.m AND k.create_time = j.c`,
    [refsParameter(refs)],
  )
  const byMessage = new Map<string, DispatchedTask[]>()
  for (const row of rows) {
    if (row.status !== 'PENDING') continue
    const key = `${row.tenant_id} ${row.message_id}`
    const task = { taskId: row.id, channelType: row.channel_type, configId: row.channel_config_id }
    byMessage.set(key, [...(byMessage.get(key) ?? []), task])
  }
  return byMessage
}

function statusOf(message: PlannedMessage): DerivedStatus {
  if (message.failure) {
    const counts = { totalChannels: message.tasks.length, successChannels: 0, failedChannels: message.tasks.length }
    return {
      status: 'FAILED',
      ...counts,
      errorCode: message.failure.code,
      errorMessage: resultMessage(message.failure),
    }
  }
  return deriveStatus(
    message.tasks.map(({ failure }) => ({
      status: failure ? 'FAILED' : 'PENDING',
      errorCode: failure?.code ?? null,
      resultMessage: failure && resultMessage(failure),
    })),
  )
}

async function storeStatus(
  connection: PoolConnection,
  messages: readonly PlannedMessage[],
  statuses: ReadonlyMap<string, DerivedStatus>,
): Promise<void> {
  const now = new Date()
  const parameter = messages.map((message) => {
    const status = statuses.get(keyOf(message))
    const final = status?.status === 'FAILED'
    return [
      message.tenantId,
      message.messageId,
      message.createTime,
      status?.status,
      status?.totalChannels,
      status?.failedChannels,
      status?.errorCode,
      status?.errorMessage,
      final ? null : toDatetimeMs(earliestDue(message, now)),
      final ? toDatetime(now) : null,
      JSON.stringify(withDispatchSteps(message, status, now)),
    ]
  })
  await connection.query(
    `UPDATE JSON_TABLE(?, '$[*]' COLUMNS (
       t BIGINT PATH '$[0]', m VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[1]', c DATETIME PATH '$[2]',
       status VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin PATH '$[3]', total INT PATH '$[4]', failed INT PATH '$[5]',
       code VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin PATH '$[6]', text VARCHAR(500) PATH '$[7]',
       due DATETIME(3) PATH '$[8]', finish DATETIME PATH '$[9]', steps TEXT PATH '$[10]')) AS j
     STRAIGHT_JOIN msg_message m FORCE INDEX (uk_message) ON m.tenant_id = j.t AND m.message_id = j.m AND m.create_time = j.c
     SET m.status = j.status, m.total_channels = j.total, m.failed_channels = j.failed, m.error_code = j.code,
       m.error_message = j.text, m.finish_time = j.finish, m.steps = j.steps,
       ${becomingFinal('j.finish IS NOT NULL', 'j.due')}`,
    [JSON.stringify(parameter)],
  )
}

/** The last two steps are what is being written here: their traces go along. */
function withDispatchSteps(message: PlannedMessage, status: DerivedStatus | undefined, now: Date): TraceStep[] {
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
  return message.failure ? [...message.steps, tracking] : [...message.steps, dispatch, tracking]
}

/** When the reconciler has to look first whether a task of the message was forgotten. */
function earliestDue(message: PlannedMessage, now: Date): Date {
  const times = message.tasks.filter(({ failure }) => !failure).map(({ notBefore }) => notBefore ?? now)
  return new Date(Math.min(...times.map((time) => time.getTime())))
}
