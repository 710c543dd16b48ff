import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { TaskStatus } from '../contracts/messages.ts'
import type { TaskRef } from './claim-tasks.ts'
import type { Interruptions } from './interruptions.ts'

/** How far a task is, without its content. */
export interface TaskStanding extends Interruptions {
  status: TaskStatus
  nextRetryTime: Date | null
  leaseUntil: Date | null
}

/** Reads where tasks stand; in the order asked, undefined for one that does not exist. */
export async function lookAtTasks(pool: Pool, tasks: readonly TaskRef[]): Promise<(TaskStanding | undefined)[]> {
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT STRAIGHT_JOIN k.id, k.status, k.next_retry_time, k.lease_until, k.interruptions, k.crashes
     FROM JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$[0]', c DATETIME PATH '$[1]')) AS j
     JOIN msg_channel_task k FORCE INDEX (PRIMARY) ON k.id = j.id AND k.create_time = j.c`,
    [JSON.stringify(tasks.map(({ taskId, createTime }) => [taskId, createTime]))],
  )
  const byId = new Map(rows.map((row) => [String(row.id), row]))
  return tasks.map(({ taskId }) => {
    const row = byId.get(taskId)
    if (!row) return undefined
    const { status, next_retry_time: nextRetryTime, lease_until: leaseUntil, interruptions, crashes } = row
    return { status, nextRetryTime, leaseUntil, interruptions, crashes }
  })
}
