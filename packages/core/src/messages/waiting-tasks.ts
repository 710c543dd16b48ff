import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { Recipients } from '../channels/adapter.ts'
import type { MessageType } from '../contracts/content.ts'
import type { TaskRef } from './claim-tasks.ts'

/** Whose tasks: one config's. */
export interface ConfigRef {
  tenantId: string
  channelType: string
  configId: string
}

/** A task that nobody is sending, found by its message. */
export interface WaitingTask extends TaskRef {
  messageId: string
  generation: number
}

export interface WaitingContent extends WaitingTask {
  messageType: MessageType | null
  renderedContent: string | null
  recipients: Recipients | null
  attempts: string | null
  progress: string | null
  retriedAt: Date | null
  expiresAt: Date | null
  /** Of its message. */
  traceparent: string | null
}

/** The tasks of a config that wait, for these messages; in the messages' order, those that do not wait left out. */
export async function findWaitingTasks(
  pool: Pool,
  config: ConfigRef,
  messageIds: readonly string[],
): Promise<WaitingTask[]> {
  return inOrder(messageIds, (await query(pool, '', '', config, messageIds)).map(toTask))
}

/** Likewise, with what they say. */
export async function findWaitingContents(
  pool: Pool,
  config: ConfigRef,
  messageIds: readonly string[],
): Promise<WaitingContent[]> {
  const rows = await query(
    pool,
    ', k.message_type, k.rendered_content, k.recipients, k.attempts, k.progress, k.retried_at, m.expires_at, m.traceparent',
    `JOIN msg_message m FORCE INDEX (uk_message)
       ON m.tenant_id = k.tenant_id AND m.message_id = k.message_id AND m.create_time = k.create_time`,
    config,
    messageIds,
  )
  const contents = rows.map((row) => ({
    ...toTask(row),
    messageType: row.message_type,
    renderedContent: row.rendered_content,
    recipients: row.recipients === null ? null : (JSON.parse(row.recipients) as Recipients),
    attempts: row.attempts,
    progress: row.progress,
    retriedAt: row.retried_at,
    expiresAt: row.expires_at,
    traceparent: row.traceparent,
  }))
  return inOrder(messageIds, contents)
}

async function query(
  pool: Pool,
  columns: string,
  join: string,
  { tenantId, channelType, configId }: ConfigRef,
  messageIds: readonly string[],
): Promise<RowDataPacket[]> {
  if (messageIds.length === 0) return []
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT STRAIGHT_JOIN k.id, k.message_id, DATE_FORMAT(k.create_time, '%Y-%m-%d %H:%i:%s') AS create_time, k.generation${columns}
     FROM JSON_TABLE(?, '$[*]' COLUMNS (m VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$')) AS j
     JOIN msg_message_key y FORCE INDEX (PRIMARY) ON y.tenant_id = ? AND y.message_id = j.m
     JOIN msg_channel_task k FORCE INDEX (uk_task) ON k.tenant_id = y.tenant_id AND k.message_id = y.message_id
       AND k.channel_type = ? AND k.channel_config_id = ? AND k.create_time = y.create_time
     ${join}
     WHERE k.status IN ('PENDING', 'RETRY')`,
    [JSON.stringify(messageIds), tenantId, channelType, configId],
  )
  return rows
}

function toTask(row: RowDataPacket): WaitingTask {
  return {
    taskId: String(row.id),
    messageId: row.message_id,
    createTime: row.create_time,
    generation: row.generation,
  }
}

function inOrder<Task extends WaitingTask>(messageIds: readonly string[], tasks: readonly Task[]): Task[] {
  const byMessage = new Map(tasks.map((task) => [task.messageId, task]))
  return messageIds.flatMap((messageId) => byMessage.get(messageId) ?? [])
}
