import type { Pool, PoolConnection, ResultSetHeader, RowDataPacket } from 'mysql2/promise'

/** Sends of one config in one calendar month. */
export interface QuotaUse {
  configId: string
  month: string
  sends: number
}

/** Adds to what has been sent. One statement for a batch; rows go in key order. */
export async function addQuotaUse(pool: Pool | PoolConnection, uses: readonly QuotaUse[]): Promise<void> {
  const rows = [...Map.groupBy(uses, ({ configId, month }) => `${configId} ${month}`).values()]
    .map((group) => {
      const { configId, month } = group[0] as QuotaUse
      return { configId, month, sends: group.reduce((sum, { sends }) => sum + sends, 0) }
    })
    .sort((a, b) => Number(a.configId) - Number(b.configId) || (a.month < b.month ? -1 : 1))
  if (rows.length === 0) return
  await pool.query(
    `INSERT INTO msg_channel_quota (config_id, month, sends) VALUES ?
     ON DUPLICATE KEY UPDATE sends = sends + VALUES(sends)`,
    [rows.map(({ configId, month, sends }) => [configId, month, sends])],
  )
}

/** What these configs have sent in a month; those that have sent nothing are missing. */
export async function readQuotaUse(
  pool: Pool,
  configs: readonly { configId: string; month: string }[],
): Promise<QuotaUse[]> {
  if (configs.length === 0) return []
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT STRAIGHT_JOIN q.config_id, q.month, q.sends FROM JSON_TABLE(?, '$[*]' COLUMNS (
       id BIGINT PATH '$[0]', month CHAR(7) CHARACTER SET ascii COLLATE ascii_bin PATH '$[1]')) AS j
     JOIN msg_channel_quota q FORCE INDEX (PRIMARY) ON q.config_id = j.id AND q.month = j.month`,
    [JSON.stringify(configs.map(({ configId, month }) => [configId, month]))],
  )
  return rows.map((row) => ({ configId: String(row.config_id), month: row.month, sends: row.sends }))
}

/**
 * Removes what was counted for months before `month` (`2026-11`).
 * @param limit most rows removed by one call
 * @returns how many were
 */
export async function removeOldQuotaUse(pool: Pool, month: string, limit: number): Promise<number> {
  const [{ affectedRows }] = await pool.query<ResultSetHeader>(
    'DELETE FROM msg_channel_quota WHERE month < ? ORDER BY month LIMIT ?',
    [month, limit],
  )
  return affectedRows
}
