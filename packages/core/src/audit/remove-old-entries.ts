import type { Pool, ResultSetHeader } from 'mysql2/promise'

/**
 * Removes entries of the audit trail that are older than `before`, oldest first.
 * @param limit most entries removed by one call
 * @returns how many were
 */
export async function removeOldEntries(pool: Pool, before: Date, limit: number): Promise<number> {
  const [{ affectedRows }] = await pool.query<ResultSetHeader>(
    'DELETE FROM msg_audit_log WHERE create_time < ? ORDER BY create_time LIMIT ?',
    [before, limit],
  )
  return affectedRows
}
