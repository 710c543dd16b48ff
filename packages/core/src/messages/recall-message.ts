import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { AdapterLogger, ChannelAdapter, Fetch, RecallOutcome } from '../channels/adapter.ts'
import { callInTime } from '../channels/call-in-time.ts'
import { redact } from '../channels/redact.ts'
import type { ChannelRegistry, RegisteredChannel } from '../channels/registry.ts'
import type { CandidateSource } from '../configs/candidates.ts'
import { openSettings, secretsIn } from '../configs/channel-config-secrets.ts'
import type { RecallResult } from '../contracts/message-operations.ts'
import type { TaskStatus } from '../contracts/messages.ts'
import { type Cipher, CipherError } from '../secrets/cipher.ts'
import type { MessageRef } from './message-ref.ts'
import { markRecalled, recallTimeOf } from './sent-tasks.ts'

export interface RecallDependencies {
  pool: Pool
  registry: ChannelRegistry
  configs: CandidateSource
  cipher: Cipher
  fetch: Fetch
  /** Of all calls that one task needs. */
  timeoutMs: number
  /** Aborted when the process stops. */
  stopping: AbortSignal
}

/** A task as far as its recall needs it. */
interface TaskToRecall extends MessageRef {
  taskId: string
  channelType: string
  configId: string
  status: TaskStatus
  providerMessageId: string | null
  recallTime: Date | null
}

/** A task, and whether it was taken back by this very call. */
export interface RecalledTask extends RecallResult {
  now: boolean
}

const NOT_DELIVERED: Record<Exclude<TaskStatus, 'SUCCESS'>, string> = {
  PENDING: 'it has not been sent; it can be cancelled',
  RETRY: 'it has not been sent; it can be cancelled',
  SENDING: 'it is being sent',
  FAILED: 'it was not delivered',
}

/**
 * Takes back what was delivered of a message, on all its channels at once. What cannot be taken back says why; a fault of
 * the provider is such a reason, too.
 */
export async function recallMessage(
  ref: MessageRef,
  deps: RecallDependencies,
  logger: AdapterLogger,
): Promise<RecalledTask[]> {
  const tasks = await tasksOf(deps.pool, ref)
  return Promise.all(
    tasks.map(async (task) => {
      const { taskId, channelType } = task
      const { recalled, reason, now = false } = await recallTask(task, deps, logger)
      return { taskId, channelType, recalled, ...(reason ? { reason } : {}), now }
    }),
  )
}

async function tasksOf(pool: Pool, { tenantId, messageId, createTime }: MessageRef): Promise<TaskToRecall[]> {
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT id, channel_type, channel_config_id, status, provider_message_id, recall_time
     FROM msg_channel_task FORCE INDEX (uk_task) WHERE tenant_id = ? AND message_id = ? AND create_time = ? ORDER BY id`,
    [tenantId, messageId, createTime],
  )
  return rows.map((row) => ({
    tenantId,
    messageId,
    createTime,
    taskId: String(row.id),
    channelType: row.channel_type,
    configId: String(row.channel_config_id),
    status: row.status,
    providerMessageId: row.provider_message_id,
    recallTime: row.recall_time,
  }))
}

type Outcome = RecallOutcome & { now?: boolean }

const refused = (reason: string): Outcome => ({ recalled: false, reason })
const recalledBefore = (time: Date): Outcome => ({ recalled: true, reason: `it was recalled at ${time.toISOString()}` })

async function recallTask(task: TaskToRecall, deps: RecallDependencies, logger: AdapterLogger): Promise<Outcome> {
  if (task.status !== 'SUCCESS') return refused(NOT_DELIVERED[task.status])
  if (task.recallTime) return recalledBefore(task.recallTime)
  const channel = deps.registry.get(task.channelType)
  if (!channel) return refused(`no adapter is loaded for ${task.channelType}`)
  if (!channel.adapter.recall) return refused(`${task.channelType} cannot take messages back`)
  const settings = await settingsOf(task, channel, deps)
  if (typeof settings === 'string') return refused(settings)
  const outcome = await callAdapter(channel.adapter, { task, settings }, deps, logger)
  if (outcome.recalled) {
    await markRecalled(deps.pool, task)
    return { ...outcome, now: true }
  }
  // Another call may have been faster, and the provider takes nothing back twice.
  const time = await recallTimeOf(deps.pool, task)
  return time ? recalledBefore(time) : outcome
}

/** The settings that the task was sent with, as they are now; or why there are none. */
async function settingsOf(
  { tenantId, configId }: TaskToRecall,
  { checkConfig }: RegisteredChannel,
  { configs, cipher }: RecallDependencies,
): Promise<Record<string, unknown> | string> {
  const config = await configs.config(tenantId, configId)
  // A channel that needs no settings, as the inbox, can do without its config.
  if (!config) return checkConfig({}).length === 0 ? {} : `channel config ${configId} was deleted`
  try {
    return openSettings(cipher, config)
  } catch (error) {
    if (error instanceof CipherError) return 'the secrets of the channel config cannot be decrypted'
    throw error
  }
}

async function callAdapter(
  adapter: ChannelAdapter,
  { task, settings }: { task: TaskToRecall; settings: Record<string, unknown> },
  { fetch, timeoutMs, stopping }: RecallDependencies,
  logger: AdapterLogger,
): Promise<RecallOutcome> {
  const { tenantId, messageId, taskId, providerMessageId } = task
  const sent = { config: settings, providerMessageId, task: { tenantId, messageId, taskId } }
  const clean = (text: string) => redact(text, secretsIn(settings, adapter.secretFields))
  try {
    const outcome = await callInTime(timeoutMs, stopping, async (signal) =>
      adapter.recall?.(sent, { fetch, signal, logger }),
    )
    // An adapter from outside may return anything, or nothing.
    const { recalled, reason }: Partial<RecallOutcome> = { ...outcome }
    if (recalled === true) return { recalled, ...(reason ? { reason: clean(String(reason)) } : {}) }
    return refused(clean(String(reason ?? 'the channel gave no reason')))
  } catch (error) {
    const { code, message } = Object(error) as { code?: unknown; message?: unknown }
    const text = typeof message === 'string' ? message : String(error)
    const isCode = typeof code === 'string' || typeof code === 'number'
    return refused(clean(isCode ? `${code} ${text}` : text))
  }
}
