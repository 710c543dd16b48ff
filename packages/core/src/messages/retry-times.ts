import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { ChannelJob } from '../queues/jobs.ts'

/**
 * Until when these tasks had to wait, as their rows say.
 * @returns epoch ms by task id; none for a task that waits for nothing
 */
export async function retryTimes(
  pool: Pool,
  tasks: readonly Pick<ChannelJob, 'taskId' | 'createTime'>[],
): Promise<Map<string, number>> {
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT STRAIGHT_JOIN k.id, k.next_retry_time FROM JSON_TABLE(?, '$[*]' COLUMNS (
       id BIGINT PATH '$[0]', c DATETIME PATH '$[1]')) AS j
     JOIN msg_channel_task k FORCE INDEX (PRIMARY) ON k.id = j.id AND k.create_time = j.c
     WHERE k.next_retry_time IS NOT NULL`,
    [JSON.stringify(tasks.map(({ taskId, createTime }) => [taskId, createTime]))],
  )
  return new Map(rows.map((row) => [String(row.id), row.next_retry_time.getTime()]))
}
