import type { Pool, ResultSetHeader } from 'mysql2/promise'
import { listPartitions, partitionMonth } from '../schema/partitions.ts'
import { retryingLockConflicts } from './claim-tasks.ts'
import { toDatetime } from './message-ref.ts'

/**
 * Removes keys of messages whose month has been dropped, oldest first; from then on such an id is new again. It goes by the
 * months that are there, not by the clock: a key never goes before its message.
 * @param limit most keys removed by one call
 * @returns how many were
 */
export async function removeOldKeys(pool: Pool, limit: number): Promise<number> {
  const [oldestMonth] = await listPartitions(pool, 'msg_message')
  if (oldestMonth === undefined) return 0
  const [{ affectedRows }] = await retryingLockConflicts(() =>
    pool.query<ResultSetHeader>('DELETE FROM msg_message_key WHERE create_time < ? ORDER BY create_time LIMIT ?', [
      toDatetime(partitionMonth(oldestMonth)),
      limit,
    ]),
  )
  return affectedRows
}
