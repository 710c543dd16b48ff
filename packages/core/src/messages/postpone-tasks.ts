import type { Pool } from 'mysql2/promise'
import { compareIds, retryingLockConflicts, type TaskRef } from './claim-tasks.ts'
import { toDatetime } from './message-ref.ts'

/** A task that waits for something other than a retry, and until when. */
export interface Postponement extends TaskRef {
  until: Date
}

/** Makes a wait visible: `next_retry_time` of tasks that nobody is sending. */
export async function postponeTasks(pool: Pool, postponements: readonly Postponement[]): Promise<void> {
  const parameter = JSON.stringify(
    postponements
      .toSorted((a, b) => compareIds(a.taskId, b.taskId))
      .map(({ taskId, createTime, until }) => [taskId, createTime, toDatetime(until)]),
  )
  await retryingLockConflicts(() =>
    pool.query(
      `UPDATE JSON_TABLE(?, '$[*]' COLUMNS (id BIGINT PATH '$[0]', c DATETIME PATH '$[1]', next DATETIME PATH '$[2]')) AS j
       STRAIGHT_JOIN msg_channel_task k FORCE INDEX (PRIMARY) ON k.id = j.id AND k.create_time = j.c
       SET k.next_retry_time = j.next WHERE k.status IN ('PENDING', 'RETRY')`,
      [parameter],
    ),
  )
}
