import type { Pool, PoolConnection, ResultSetHeader, RowDataPacket } from 'mysql2/promise'
import { inTransaction } from '../database/transaction.ts'
import { businessDataColumns } from './business-data-columns.ts'
import { compareRefs, REFS_TABLE, refsParameter, toDatetimeMs } from './message-ref.ts'
import type { ValidMessage } from './message-validation.ts'

/** A message on its way into the tables, with the job that will carry it (null: nothing to do before `sendAt`). */
export interface NewMessage extends ValidMessage {
  acceptedAt: Date
  createTime: string
  jobId: string | null
}

/** The content that an id stands for now, whoever wrote it. */
export interface StoredKey {
  /** This call wrote it. */
  isNew: boolean
  contentHash: string
}

/**
 * Writes messages in one transaction, each only where its id is not taken. Ids must be unique within the list.
 * When it resolves, the new ones are committed.
 * @param flushId unique to this call; marks the key rows that it wrote
 * @returns what each message's id stands for now, in the order given
 */
export async function insertMessages(
  pool: Pool,
  messages: readonly NewMessage[],
  flushId: string,
): Promise<StoredKey[]> {
  const sorted = [...messages].sort(compareRefs)
  return inTransaction(pool, async (connection) => {
    const written = await insertKeys(connection, sorted, flushId)
    if (written === sorted.length) {
      await insertRows(connection, sorted)
      return messages.map(({ contentHash }) => ({ isNew: true, contentHash }))
    }
    const stored = await storedKeys(connection, sorted, flushId)
    const fresh = sorted.filter((message) => stored.get(keyOf(message))?.isNew)
    if (fresh.length > 0) await insertRows(connection, fresh)
    return messages.map((message) => {
      const key = stored.get(keyOf(message))
      if (!key) throw new Error(`the key of message ${message.messageId} has vanished`)
      return key
    })
  })
}

async function insertKeys(connection: PoolConnection, messages: NewMessage[], flushId: string): Promise<number> {
  const rows = messages.map((m) => [m.tenantId, m.messageId, m.createTime, m.contentHash, flushId])
  const [result] = await connection.query<ResultSetHeader>(
    'INSERT IGNORE INTO msg_message_key (tenant_id, message_id, create_time, content_hash, flush_id) VALUES ?',
    [rows],
  )
  return result.affectedRows
}

async function storedKeys(
  connection: PoolConnection,
  messages: NewMessage[],
  flushId: string,
): Promise<Map<string, StoredKey>> {
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT STRAIGHT_JOIN k.tenant_id, k.message_id, k.content_hash, k.flush_id FROM ${REFS_TABLE}
     JOIN msg_message_key k ON k.tenant_id = j.t AND k.message_id = j.m`,
    [refsParameter(messages)],
  )
  return new Map(
    rows.map((row) => [
      `${row.tenant_id} ${row.message_id}`,
      { isNew: row.flush_id === flushId, contentHash: row.content_hash },
    ]),
  )
}

function keyOf({ tenantId, messageId }: NewMessage): string {
  return `${tenantId} ${messageId}`
}

async function insertRows(connection: PoolConnection, messages: NewMessage[]): Promise<void> {
  const rows = messages.map((m) => {
    const { json, exactText } = businessDataColumns(m.businessDataText)
    const sendAt = m.sendAt && toDatetimeMs(m.sendAt)
    const acceptedAt = toDatetimeMs(m.acceptedAt)
    return [
      m.messageId,
      m.tenantId,
      m.storeId,
      m.businessType,
      json,
      exactText,
      m.attributesText,
      m.targetChannels?.join(',') ?? null,
      m.priority,
      sendAt,
      m.expiresAt && toDatetimeMs(m.expiresAt),
      acceptedAt,
      m.jobId,
      sendAt ?? acceptedAt,
      m.wantsCallback ? 'AWAITED' : null,
      m.traceparent ?? null,
      m.createTime,
    ]
  })
  await connection.query(
    `INSERT INTO msg_message (message_id, tenant_id, store_id, business_type, business_data, business_data_text, attributes,
       target_channels, priority, send_at, expires_at, accepted_at, job_id, due_time, callback_state, traceparent,
       create_time)
     VALUES ?`,
    [rows],
  )
}
