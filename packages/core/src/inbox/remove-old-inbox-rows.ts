import type { Pool, ResultSetHeader } from 'mysql2/promise'

/**
 * Removes inbox rows that are older than `before`, oldest first, and then what is known of who read them.
 * @param limit most rows and read marks removed by one call; fewer: there are no more
 * @returns how many were
 */
export async function removeOldInboxRows(pool: Pool, before: Date, limit: number): Promise<number> {
  const remove = async (sql: string, most: number): Promise<number> => {
    const [{ affectedRows }] = await pool.query<ResultSetHeader>(sql, [before, most])
    return affectedRows
  }
  const rows = await remove('DELETE FROM msg_inbox WHERE create_time < ? ORDER BY create_time LIMIT ?', limit)
  // Taking away the mark of a message that is still there would make it unread again. A mark is younger than its message:
  // once no message of its age is left, it is nobody's.
  if (rows === limit) return rows
  const marks = 'DELETE FROM msg_inbox_read WHERE read_time < ? ORDER BY read_time LIMIT ?'
  return rows + (await remove(marks, limit - rows))
}
