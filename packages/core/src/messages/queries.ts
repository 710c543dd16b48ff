import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { MessageCallback } from '../contracts/callbacks.ts'
import type {
  MessageDetail,
  MessageSummary,
  MessageTrace,
  TaskDetail,
  TraceAttempt,
  TraceStep,
} from '../contracts/messages.ts'
import { channelJobId } from '../queues/jobs.ts'
import { traceIdOf } from '../telemetry/tracing.ts'
import { parseLossless } from '../templates/lossless-json.ts'
import { type MessageRef, toDatetime } from './message-ref.ts'

/** Nobody retries a message faster than it is read. */
const MOST_LOOKS = 3

/** One message of a tenant with its tasks; undefined where the tenant has none of that id. */
export async function findMessage(pool: Pool, tenantId: string, messageId: string): Promise<MessageDetail | undefined> {
  for (let look = 1; ; look++) {
    const [row] = await messageRows(pool, tenantId, messageId)
    if (!row) return undefined
    // In this order: a message seen final must not come with a task that was seen before it was.
    const tasks = await taskRows(pool, tenantId, messageId)
    // Nor with one that an operator has had tried again in between.
    const reopened = row.finish_time !== null && tasks.some(({ finish_time: time }) => time === null)
    // Nor one that waits for the pipeline with the tasks that it made in between.
    const dispatched = row.status === 'PENDING' && tasks.length > 0
    if ((!reopened && !dispatched) || look === MOST_LOOKS) return { ...toSummary(row, tasks), tasks: tasks.map(toTask) }
  }
}

/** How a message went, step by step and attempt by attempt. */
export async function findTrace(pool: Pool, tenantId: string, messageId: string): Promise<MessageTrace | undefined> {
  const [row] = await messageRows(pool, tenantId, messageId)
  if (!row) return undefined
  const tasks = await taskRows(pool, tenantId, messageId)
  const accepted: TraceStep = { step: 'accepted', at: row.accepted_at.toISOString(), durationMs: 0, outcome: 'ok' }
  const traceId = traceIdOf(row.traceparent)
  return {
    messageId,
    ...(row.job_id ? { jobId: row.job_id } : {}),
    ...(traceId ? { traceId } : {}),
    steps: [accepted, ...parsed<TraceStep>(row.steps)],
    tasks: tasks.map((task) => ({
      taskId: String(task.id),
      channelType: task.channel_type,
      jobId: channelJobId(String(task.id), task.generation),
      attempts: parsed<TraceAttempt>(task.attempts),
    })),
  }
}

/** Where a message of a tenant lies; undefined where there is none of that id. */
export async function findMessageRef(pool: Pool, tenantId: string, messageId: string): Promise<MessageRef | undefined> {
  const [[row]] = await pool.query<RowDataPacket[]>(
    'SELECT create_time FROM msg_message_key WHERE tenant_id = ? AND message_id = ?',
    [tenantId, messageId],
  )
  return row && { tenantId, messageId, createTime: toDatetime(row.create_time) }
}

/** The key table leads to the partition, so that one of them is read instead of all. */
async function messageRows(pool: Pool, tenantId: string, messageId: string): Promise<RowDataPacket[]> {
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT m.* FROM msg_message_key x STRAIGHT_JOIN msg_message m FORCE INDEX (uk_message)
       ON m.tenant_id = x.tenant_id AND m.message_id = x.message_id AND m.create_time = x.create_time
     WHERE x.tenant_id = ? AND x.message_id = ?`,
    [tenantId, messageId],
  )
  return rows
}

async function taskRows(pool: Pool, tenantId: string, messageId: string): Promise<RowDataPacket[]> {
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT k.* FROM msg_message_key x STRAIGHT_JOIN msg_channel_task k FORCE INDEX (uk_task)
       ON k.tenant_id = x.tenant_id AND k.message_id = x.message_id AND k.create_time = x.create_time
     WHERE x.tenant_id = ? AND x.message_id = ? ORDER BY k.id`,
    [tenantId, messageId],
  )
  return rows
}

/** @param tasks where given, the counts of a message under way are theirs: the row gets its own when it is final */
export function toSummary(row: RowDataPacket, tasks?: readonly RowDataPacket[]): MessageSummary {
  const counts = tasks && row.finish_time === null ? countTasks(tasks) : undefined
  return {
    id: String(row.id),
    messageId: row.message_id,
    tenantId: String(row.tenant_id),
    storeId: row.store_id === null ? null : String(row.store_id),
    businessType: row.business_type,
    businessData: parseLossless(row.business_data_text ?? row.business_data) as Record<string, unknown>,
    targetChannels: row.target_channels?.split(',') ?? null,
    attributes: row.attributes === null ? null : (parseLossless(row.attributes) as Record<string, unknown>),
    status: row.status,
    errorCode: row.error_code,
    errorMessage: row.error_message,
    totalChannels: row.total_channels,
    successChannels: counts?.success ?? row.success_channels,
    failedChannels: counts?.failed ?? row.failed_channels,
    createTime: row.create_time.toISOString(),
    updateTime: row.update_time.toISOString(),
    finishTime: row.finish_time?.toISOString() ?? null,
    ...(row.callback_state === null ? {} : { callback: toCallback(row) }),
  }
}

function toCallback(row: RowDataPacket): MessageCallback {
  return {
    state: row.callback_state,
    attempts: row.callback_attempts,
    lastResult: row.callback_result,
    nextTime: row.callback_next_time?.toISOString() ?? null,
  }
}

function countTasks(tasks: readonly RowDataPacket[]) {
  const count = (status: string) => tasks.filter((task) => task.status === status).length
  return { success: count('SUCCESS'), failed: count('FAILED') }
}

function toTask(row: RowDataPacket): TaskDetail {
  return {
    id: String(row.id),
    messageId: row.message_id,
    channelType: row.channel_type,
    channelConfigId: String(row.channel_config_id),
    messageType: row.message_type,
    renderedContent: row.rendered_content,
    status: row.status,
    retryCount: row.retry_count,
    maxRetry: row.max_retry,
    nextRetryTime: row.next_retry_time?.toISOString() ?? null,
    errorCode: row.error_code,
    resultMessage: row.result_message,
    thirdPartyResponse: row.third_party_response,
    providerMessageId: row.provider_message_id,
    recallTime: row.recall_time?.toISOString() ?? null,
    createTime: row.create_time.toISOString(),
    updateTime: row.update_time.toISOString(),
    finishTime: row.finish_time?.toISOString() ?? null,
  }
}

function parsed<T>(json: string | null): T[] {
  return json === null ? [] : (JSON.parse(json) as T[])
}
