import type { Pool, RowDataPacket } from 'mysql2/promise'

/** Up to here a total is counted, which takes some ten milliseconds; beyond it is estimated, which takes one. */
const COUNTED_UP_TO = 100_000

export interface Total {
  total: number
  /** Set where there are more rows than are worth counting for a list. */
  totalIsEstimate?: true
}

/**
 * How many rows a list has, without reading millions of them to say so.
 * @param select the whole statement that selects one constant per row: `SELECT 1 FROM … WHERE …`
 */
export async function boundedCount(
  pool: Pool,
  select: string,
  values: readonly unknown[],
  limit = COUNTED_UP_TO,
): Promise<Total> {
  const [[counted]] = await pool.query<RowDataPacket[]>(
    `SELECT COUNT(*) AS total FROM (${select} LIMIT ${limit + 1}) AS counted`,
    [...values],
  )
  const total = Number(counted?.total ?? 0)
  if (total <= limit) return { total }
  return { total: Math.max(total, await estimate(pool, select, values)), totalIsEstimate: true }
}

/** What the server's optimiser expects, from a few pages of the index; MySQL also says which share it expects to fulfil the other conditions. */
async function estimate(pool: Pool, select: string, values: readonly unknown[]): Promise<number> {
  const [[leading]] = await pool.query<RowDataPacket[]>(`EXPLAIN ${select}`, [...values])
  return Math.round((Number(leading?.rows) * Number(leading?.filtered ?? 100)) / 100)
}
