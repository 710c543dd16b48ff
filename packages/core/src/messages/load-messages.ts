import type { Pool, RowDataPacket } from 'mysql2/promise'
import { LATEST_CHANGE_NUMBER } from '../configs/change.ts'
import type { Attributes, MessageStatus } from '../contracts/messages.ts'
import { parseLossless } from '../templates/lossless-json.ts'
import { type MessageRef, REFS_TABLE, refsParameter } from './message-ref.ts'

/** A message as the pipeline sees it. */
export interface PipelineMessage extends MessageRef {
  storeId: string | null
  businessType: string
  /** Parsed; numbers that JavaScript cannot hold exactly are `JSON.rawJSON` objects. */
  businessData: Record<string, unknown>
  attributes: Attributes & Record<string, unknown>
  targetChannels: string[] | null
  status: MessageStatus
  priority: number
  expiresAt: Date | null
  acceptedAt: Date
  /** The newest change of configs when it was loaded: whoever acts on the message has to know it. */
  changeNumber: number
  /** Raised by each retry and cancel. */
  revision: number
  /** The channels that the pipeline is to run again for; null = none. A PENDING message has not been through it at all. */
  rerunChannels: string[] | null
  /** Where it is in a trace, W3C; null where its way is not traced. */
  traceparent: string | null
  /** Runs of the pipeline that ended without saying so. */
  interruptions: number
  /** Of these, those whose process died while it was at this message alone. */
  crashes: number
}

/** Whether the pipeline has something to do for a message. */
export function awaitsPipeline({ status, rerunChannels }: PipelineMessage): boolean {
  return status === 'PENDING' || rerunChannels !== null
}

/** Reads messages by reference; what does not exist is missing from the answer. */
export async function loadMessages(pool: Pool, refs: readonly MessageRef[]): Promise<PipelineMessage[]> {
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT STRAIGHT_JOIN m.tenant_id, m.message_id, m.store_id, m.business_type, m.business_data, m.business_data_text,
       m.attributes, m.target_channels, m.status, m.priority, m.expires_at, m.accepted_at, m.revision, m.rerun_channels, m.traceparent,
       m.interruptions, m.crashes,
       DATE_FORMAT(m.create_time, '%Y-%m-%d %H:%i:%s') AS create_time,
       ${LATEST_CHANGE_NUMBER} AS change_number
     FROM ${REFS_TABLE} JOIN msg_message m FORCE INDEX (uk_message) ON m.tenant_id = j.t AND m.message_id = j.m AND m.create_time = j.c`,
    [refsParameter(refs)],
  )
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    messageId: row.message_id,
    createTime: row.create_time,
    storeId: row.store_id,
    businessType: row.business_type,
    businessData: parseLossless(row.business_data_text ?? row.business_data) as Record<string, unknown>,
    attributes: row.attributes === null ? {} : (parseLossless(row.attributes) as Attributes),
    targetChannels: row.target_channels?.split(',') ?? null,
    status: row.status,
    priority: row.priority,
    expiresAt: row.expires_at,
    acceptedAt: row.accepted_at,
    changeNumber: Number(row.change_number),
    revision: row.revision,
    rerunChannels: row.rerun_channels?.split(',') ?? null,
    traceparent: row.traceparent,
    interruptions: row.interruptions,
    crashes: row.crashes,
  }))
}
