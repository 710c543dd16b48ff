import type { Pool, PoolConnection } from 'mysql2/promise'
import type { Candidates } from '../configs/candidates.ts'
import { inTransaction } from '../database/transaction.ts'
import { dispatchWithin, type PlannedMessage } from './dispatch.ts'
import type { PipelineMessage } from './load-messages.ts'
import { type LockedMessage, type LockedTask, lockMessages } from './lock-messages.ts'
import { channelsOf } from './message-channels.ts'
import { type MessageRef, toDatetime } from './message-ref.ts'
import { type FinishedMessage, finishMessages } from './message-status.ts'
import { type Failure, resultMessage } from './outcome.ts'
import { withSteps } from './trace-steps.ts'

export interface Cancellation {
  /** The message as it was found. */
  message: LockedMessage
  /** Channels that nothing is sent on any more; a message that has none counts as one. */
  cancelled: number
  /** The tasks among them that there were: Redis may hold a job and a place in line of each. */
  tasks: LockedTask[]
  /** Being sent at the moment: not cancelled, but not to be tried again either. */
  sending: LockedTask[]
  /** The message, where it has become final by this. */
  finished: FinishedMessage[]
}

export interface CancelDependencies {
  pool: Pool
  /** Registered channel types in their order. */
  channelTypes: readonly string[]
  /** Notes in the same transaction what was done. */
  audit(connection: PoolConnection, cancellation: Cancellation): Promise<void>
}

const UNSENT: Failure = { code: 'CANCELLED', text: 'an operator cancelled it before it was sent' }

/**
 * Drops what has not been sent of a message, under its row lock. A task that is being sent is left alone; should that fail,
 * it is not tried again (record-outcomes.ts).
 * @param candidates the configs by which a message that has not been dispatched would be sent
 * @returns undefined where the message has vanished
 */
export function cancelMessage(
  message: PipelineMessage,
  candidates: Candidates,
  deps: CancelDependencies,
): Promise<Cancellation | undefined> {
  return inTransaction(deps.pool, async (connection) => {
    const [found] = await lockMessages(connection, [message])
    if (!found) return undefined
    const cancellation =
      found.status === 'PENDING'
        ? await cancelUndispatched(connection, found, planOf(found, message, candidates, deps.channelTypes))
        : await cancelTasks(connection, found, deps.channelTypes)
    if (cancellation.cancelled > 0 || cancellation.sending.length > 0) await deps.audit(connection, cancellation)
    return cancellation
  })
}

/** What the pipeline would have stored, had it found each channel cancelled. */
function planOf(
  { revision }: LockedMessage,
  message: PipelineMessage,
  candidates: Candidates,
  channelTypes: readonly string[],
): PlannedMessage {
  const { tenantId, messageId, createTime } = message
  return {
    tenantId,
    messageId,
    createTime,
    revision,
    rerunChannels: null,
    failure: UNSENT,
    steps: [cancelStep(resultMessage(UNSENT))],
    dispatchStartedAt: Date.now(),
    tasks: channelsOf(message, candidates, channelTypes).map((channelType) => ({
      channelType,
      configId: candidates.get(channelType)?.[0]?.id ?? '0',
      messageType: null,
      renderedContent: null,
      recipients: null,
      maxRetry: 0,
      notBefore: null,
      failure: UNSENT,
    })),
  }
}

async function cancelUndispatched(
  connection: PoolConnection,
  message: LockedMessage,
  plan: PlannedMessage,
): Promise<Cancellation> {
  const [result] = await dispatchWithin(connection, [plan])
  const callback = result?.dispatched ? result.callback : null
  await raiseRevision(connection, message)
  const { tenantId, messageId, createTime } = message
  return {
    message,
    cancelled: Math.max(1, plan.tasks.length),
    tasks: [],
    sending: [],
    finished: [{ tenantId, messageId, createTime, status: 'FAILED', callback }],
  }
}

async function cancelTasks(
  connection: PoolConnection,
  message: LockedMessage,
  channelTypes: readonly string[],
): Promise<Cancellation> {
  const tasks = message.tasks.filter(({ status }) => status === 'PENDING' || status === 'RETRY')
  const sending = message.tasks.filter(({ status }) => status === 'SENDING')
  if (tasks.length + sending.length === 0) return { message, cancelled: 0, tasks, sending, finished: [] }
  for (const task of sending) await stopRetrying(connection, message, task)
  for (const task of tasks) await failAsCancelled(connection, message, task)
  const step = cancelStep(tasks.map(({ channelType }) => channelType).join(', '))
  await raiseRevision(connection, message, withSteps(message.steps, [step]))
  const position = (type: string) => (channelTypes.includes(type) ? channelTypes.indexOf(type) : channelTypes.length)
  const finished = await finishMessages(connection, [message], position)
  return { message, cancelled: tasks.length, tasks, sending, finished }
}

async function stopRetrying(connection: PoolConnection, { createTime }: MessageRef, task: LockedTask): Promise<void> {
  await connection.query('UPDATE msg_channel_task SET cancelled = 1 WHERE id = ? AND create_time = ?', [
    task.taskId,
    createTime,
  ])
}

async function failAsCancelled(
  connection: PoolConnection,
  { createTime }: MessageRef,
  task: LockedTask,
): Promise<void> {
  const before = task.resultMessage
  const failure = before ? { ...UNSENT, text: `an operator cancelled it after ${before}` } : UNSENT
  await connection.query(
    `UPDATE msg_channel_task SET status = 'FAILED', error_code = ?, result_message = ?, next_retry_time = NULL, finish_time = ?
     WHERE id = ? AND create_time = ?`,
    [failure.code, resultMessage(failure), toDatetime(new Date()), task.taskId, createTime],
  )
}

/** From here on a pipeline run that is under way writes nothing. */
async function raiseRevision(connection: PoolConnection, ref: MessageRef, steps?: string): Promise<void> {
  await connection.query(
    `UPDATE msg_message SET revision = revision + 1, rerun_channels = NULL, steps = COALESCE(?, steps)
     WHERE tenant_id = ? AND message_id = ? AND create_time = ?`,
    [steps ?? null, ref.tenantId, ref.messageId, ref.createTime],
  )
}

function cancelStep(detail: string) {
  return { step: 'cancel', at: new Date().toISOString(), durationMs: 0, outcome: 'ok', detail }
}
