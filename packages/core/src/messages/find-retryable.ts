import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { RedriveInput } from '../contracts/message-operations.ts'
import { messageConditions } from './message-conditions.ts'
import { type MessageRef, toDatetime } from './message-ref.ts'

/** A page of messages of which something can be tried again, oldest first. */
export interface RetryablePage {
  refs: MessageRef[]
  /** Where the next page begins; null = there is none. */
  nextCursor: string | null
}

const RETRYABLE_STATUSES = ['FAILED', 'PARTIAL_SUCCESS'] as const

/** @param filters `limit` says how many at most */
export async function findRetryable(
  pool: Pool,
  tenantId: string,
  filters: RedriveInput & { limit: number },
): Promise<RetryablePage> {
  const { limit, cursor, channelType, status, ...list } = filters
  const statuses = status ? [status] : RETRYABLE_STATUSES
  const failed = failedCondition(filters)
  // One index range per status, each in order: with both in one, all there are would be read to be sorted.
  const parts = statuses.map((each) => {
    const { where, values } = messageConditions(tenantId, { ...list, status: each })
    const after = afterCursor(cursor)
    return {
      sql: `(SELECT m.id, m.message_id, m.create_time FROM msg_message m FORCE INDEX (ix_tenant_status)
        WHERE ${where} ${after.condition} AND ${failed.condition} ORDER BY m.create_time, m.id LIMIT ?)`,
      values: [...values, ...after.values, ...failed.values, limit + 1],
    }
  })
  const [rows] = await pool.query<RowDataPacket[]>(
    `${parts.map(({ sql }) => sql).join(' UNION ALL ')} ORDER BY create_time, id LIMIT ?`,
    [...parts.flatMap(({ values }) => values), limit + 1],
  )
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return {
    refs: page.map((row) => ({ tenantId, messageId: row.message_id, createTime: toDatetime(row.create_time) })),
    nextCursor: last && rows.length > limit ? `${last.create_time.getTime() / 1000}-${last.id}` : null,
  }
}

function afterCursor(cursor: string | undefined): { condition: string; values: unknown[] } {
  if (!cursor) return { condition: '', values: [] }
  const [seconds, id] = cursor.split('-')
  const createTime = toDatetime(new Date(Number(seconds) * 1000))
  return {
    condition: 'AND m.create_time >= ? AND (m.create_time > ? OR m.id > ?)',
    values: [createTime, createTime, id],
  }
}

/** A failed task that fits, or a message that failed without any (retry-plan.ts says the same of one message). */
function failedCondition({ channelType, errorCode }: RedriveInput): { condition: string; values: unknown[] } {
  const code = (column: string) => (errorCode ? `${column} = ?` : `COALESCE(${column}, '') <> 'CANCELLED'`)
  const codeValues = errorCode ? [errorCode] : []
  // Not EXISTS: MariaDB would turn it, beside the OR, into a list of all failed tasks there are.
  const task = `(SELECT k.id FROM msg_channel_task k FORCE INDEX (uk_task)
    WHERE k.tenant_id = m.tenant_id AND k.message_id = m.message_id AND k.create_time = m.create_time
      AND k.status = 'FAILED' AND ${code('k.error_code')}${channelType ? ' AND k.channel_type = ?' : ''} LIMIT 1) IS NOT NULL`
  if (channelType) return { condition: task, values: [...codeValues, channelType] }
  return {
    condition: `(${task} OR (m.status = 'FAILED' AND m.total_channels = 0 AND ${code('m.error_code')}))`,
    values: [...codeValues, ...codeValues],
  }
}
