import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { CallbackEvent } from '../contracts/callback-event.ts'
import { type CallbackRef, FINAL_STATUSES } from '../messages/becoming-final.ts'
import { retryingLockConflicts } from '../messages/claim-tasks.ts'
import { compareRefs, toDatetimeMs } from '../messages/message-ref.ts'

export interface CallbackClaim extends CallbackRef {
  /** Unique to this try. */
  token: string
  /** One that waits for a later time than this is left alone. */
  dueBy: Date
  /** For how long this try may be under way, by the database's clock: only then may another one begin. */
  leaseMs: number
}

/** A callback that is ours to make. */
export interface ClaimedCallback {
  event: CallbackEvent
  /** Tries so far, this one included. */
  attempts: number
}

/**
 * Marks callbacks as being made, so that a second job of one, wherever it comes from, does not make it too. The mark is
 * the time of the next try: a process that dies leaves the callback to whoever comes after its lease.
 * @returns in the order asked; undefined for one that is over, not due yet, or somebody else's now
 */
export async function claimCallbacks(
  pool: Pool,
  claims: readonly CallbackClaim[],
): Promise<(ClaimedCallback | undefined)[]> {
  const parameter = JSON.stringify(
    claims
      .toSorted(compareRefs)
      .map((claim) => [
        claim.tenantId,
        claim.messageId,
        claim.createTime,
        claim.generation,
        claim.token,
        toDatetimeMs(claim.dueBy),
        claim.leaseMs * 1000,
      ]),
  )
  await retryingLockConflicts(() => pool.query(CLAIM, [parameter]))
  const [rows] = await pool.query<RowDataPacket[]>(READ, [parameter])
  const byToken = Map.groupBy(rows, (row) => row.callback_token)
  return claims.map(({ token }) => {
    const mine = byToken.get(token)
    return mine && { event: toEvent(mine), attempts: mine[0]?.callback_attempts }
  })
}

const SOURCE = `JSON_TABLE(?, '$[*]' COLUMNS (
  t BIGINT PATH '$[0]', m VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[1]', c DATETIME PATH '$[2]',
  generation INT PATH '$[3]', token VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin PATH '$[4]', due_by DATETIME(3) PATH '$[5]',
  lease BIGINT PATH '$[6]')) AS j`

const LEASE_END = 'UTC_TIMESTAMP(3) + INTERVAL j.lease MICROSECOND'

/** The time of one that somebody is making is the end of his lease, which is the database's; else when it is due. */
const CLAIM = `UPDATE ${SOURCE}
  STRAIGHT_JOIN msg_message m FORCE INDEX (uk_message) ON m.tenant_id = j.t AND m.message_id = j.m AND m.create_time = j.c
  SET m.callback_token = j.token, m.callback_attempts = m.callback_attempts + 1, m.callback_next_time = ${LEASE_END},
    m.due_time = ${LEASE_END}, m.update_time = m.update_time
  WHERE m.callback_state = 'DUE' AND m.callback_generation = j.generation AND m.status IN ${FINAL_STATUSES}
    AND (m.callback_next_time IS NULL OR m.callback_next_time <= IF(m.callback_token IS NULL, j.due_by, UTC_TIMESTAMP(3)))`

/** A row per task; one without a task for a message that failed before it had any. */
const READ = `SELECT STRAIGHT_JOIN m.callback_token, m.callback_attempts, m.message_id, m.tenant_id, m.store_id, m.business_type,
    m.status, m.error_code, m.error_message, m.total_channels, m.success_channels, m.failed_channels, m.create_time, m.finish_time,
    k.id AS task_id, k.channel_type, k.status AS task_status, k.error_code AS task_error_code
  FROM ${SOURCE}
  JOIN msg_message m FORCE INDEX (uk_message) ON m.tenant_id = j.t AND m.message_id = j.m AND m.create_time = j.c
  LEFT JOIN msg_channel_task k FORCE INDEX (uk_task) ON k.tenant_id = j.t AND k.message_id = j.m AND k.create_time = j.c
  WHERE m.callback_token = j.token ORDER BY k.id`

function toEvent(rows: readonly RowDataPacket[]): CallbackEvent {
  const [row] = rows
  if (!row) throw new Error('an event without its message')
  return {
    type: 'message.finished',
    timestamp: row.finish_time.toISOString(),
    data: {
      messageId: row.message_id,
      tenantId: String(row.tenant_id),
      storeId: row.store_id === null ? null : String(row.store_id),
      businessType: row.business_type,
      status: row.status,
      errorCode: row.error_code,
      errorMessage: row.error_message,
      totalChannels: row.total_channels,
      successChannels: row.success_channels,
      failedChannels: row.failed_channels,
      createTime: row.create_time.toISOString(),
      finishTime: row.finish_time.toISOString(),
      tasks: rows
        .filter((task) => task.task_id !== null)
        .map((task) => ({
          taskId: String(task.task_id),
          channelType: task.channel_type,
          status: task.task_status,
          errorCode: task.task_error_code,
        })),
    },
  }
}
