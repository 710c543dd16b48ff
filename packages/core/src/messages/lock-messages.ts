import type { PoolConnection, RowDataPacket } from 'mysql2/promise'
import { compareIds } from './claim-tasks.ts'
import { compareRefs, type MessageRef, REFS_TABLE, refsParameter } from './message-ref.ts'
import type { DerivedStatus, TaskState } from './message-status.ts'

/** A message and its tasks as an operator's call finds them. */
export interface LockedMessage extends MessageRef, Pick<DerivedStatus, 'status' | 'errorCode'> {
  revision: number
  rerunChannels: string[]
  sendAt: Date | null
  /** The column as it was read. */
  steps: string | null
  /** In channel order. */
  tasks: LockedTask[]
}

export interface LockedTask extends TaskState {
  taskId: string
  channelType: string
  configId: string
  generation: number
  /** There is something that can be sent as it is. */
  hasContent: boolean
  /** Its config is there and enabled. */
  configEnabled: boolean
}

/**
 * Reads messages with their tasks and keeps both as they are until the transaction ends: first the messages, as dispatching
 * does, then the tasks, so that no claim comes between.
 * @param lock false: only reads
 */
export async function lockMessages(
  connection: PoolConnection,
  refs: readonly MessageRef[],
  { lock = true } = {},
): Promise<LockedMessage[]> {
  const suffix = lock ? 'FOR UPDATE' : ''
  const parameter = [refsParameter(refs.toSorted(compareRefs))]
  // DISTINCT keeps the list a table of its own: MySQL cannot lock a JSON_TABLE, and MariaDB knows no FOR UPDATE OF.
  const list = `(SELECT DISTINCT t, m, c FROM ${REFS_TABLE}) AS j`
  const [messages] = await connection.query<RowDataPacket[]>(
    `SELECT STRAIGHT_JOIN m.tenant_id, m.message_id, DATE_FORMAT(m.create_time, '%Y-%m-%d %H:%i:%s') AS create_time, m.status,
       m.error_code, m.revision, m.rerun_channels, m.send_at, m.steps
     FROM ${list} JOIN msg_message m FORCE INDEX (uk_message)
       ON m.tenant_id = j.t AND m.message_id = j.m AND m.create_time = j.c ${suffix}`,
    parameter,
  )
  const [tasks] = await connection.query<RowDataPacket[]>(
    // A subquery in the list of columns locks nothing.
    `SELECT STRAIGHT_JOIN k.id, k.tenant_id, k.message_id, k.channel_type, k.channel_config_id, k.status, k.error_code,
       k.result_message, k.generation, k.rendered_content IS NOT NULL AS has_content,
       (SELECT c.enabled FROM msg_channel_config c WHERE c.id = k.channel_config_id AND c.tenant_id = k.tenant_id) AS enabled
     FROM ${list} JOIN msg_channel_task k FORCE INDEX (uk_task)
       ON k.tenant_id = j.t AND k.message_id = j.m AND k.create_time = j.c ${suffix}`,
    parameter,
  )
  const byMessage = Map.groupBy(tasks, keyOf)
  return messages.map((row) => toMessage(row, byMessage.get(keyOf(row)) ?? []))
}

function keyOf({ tenant_id: tenantId, message_id: messageId }: RowDataPacket): string {
  return `${tenantId} ${messageId}`
}

function toMessage(row: RowDataPacket, tasks: readonly RowDataPacket[]): LockedMessage {
  return {
    tenantId: row.tenant_id,
    messageId: row.message_id,
    createTime: row.create_time,
    status: row.status,
    errorCode: row.error_code,
    revision: row.revision,
    rerunChannels: row.rerun_channels?.split(',') ?? [],
    sendAt: row.send_at,
    steps: row.steps,
    // They were inserted in channel order.
    tasks: tasks.map(toTask).sort((a, b) => compareIds(a.taskId, b.taskId)),
  }
}

function toTask(row: RowDataPacket): LockedTask {
  return {
    taskId: String(row.id),
    channelType: row.channel_type,
    configId: String(row.channel_config_id),
    status: row.status,
    errorCode: row.error_code,
    resultMessage: row.result_message,
    generation: row.generation,
    hasContent: Number(row.has_content) === 1,
    configEnabled: Number(row.enabled) === 1,
  }
}
