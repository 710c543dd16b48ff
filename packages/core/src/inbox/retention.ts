import { setTimeout as delay } from 'node:timers/promises'
import type { Pool, ResultSetHeader } from 'mysql2/promise'
import { inTransaction } from '../database/transaction.ts'
import { toDatetimeMs } from '../messages/message-ref.ts'

const DAY_MS = 86_400_000
const BATCH_ROWS = 1000
/** Between two batches: whoever waits for the same pages goes first. */
const PAUSE_MS = 5

export interface InboxRetention {
  /** Rows that are older go: the setting `inboxRetentionDays`. */
  days: number
  now?: Date
  /** Rows of one transaction. */
  batchRows?: number
  /** Ends the work after the batch in hand. */
  signal?: AbortSignal
}

/**
 * Removes inbox rows that are older than so many days, and what is known of who read them, in small transactions.
 * @returns how many rows and read marks
 */
export async function removeOldInboxRows(
  pool: Pool,
  { days, now = new Date(), batchRows = BATCH_ROWS, signal }: InboxRetention,
): Promise<{ rows: number; marks: number }> {
  const before = toDatetimeMs(new Date(now.getTime() - days * DAY_MS))
  const remove = async (sql: string): Promise<number> => {
    for (let total = 0; ; ) {
      const [{ affectedRows }] = await inTransaction(pool, (connection) =>
        connection.query<ResultSetHeader>(sql, [before, batchRows]),
      )
      total += affectedRows
      if (affectedRows < batchRows || signal?.aborted) return total
      await delay(PAUSE_MS)
    }
  }
  const rows = await remove('DELETE FROM msg_inbox WHERE create_time < ? ORDER BY create_time LIMIT ?')
  // A mark is younger than its row: once the rows are gone, those of the same age are nobody's. Before, taking one away would make its message unread again.
  const marks = signal?.aborted
    ? 0
    : await remove('DELETE FROM msg_inbox_read WHERE read_time < ? ORDER BY read_time LIMIT ?')
  return { rows, marks }
}
