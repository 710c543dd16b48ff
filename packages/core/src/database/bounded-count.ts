import type { Pool, RowDataPacket } from 'mysql2/promise'

export interface Total {
  total: number
  /** Set where there are more rows than are worth counting for a list. */
  totalIsEstimate?: true
}

/** What is to be counted. */
export interface Countable {
  /** A whole statement without a limit: for each row that an index leads to, whether it counts, as `fits`. */
  select: string
  values: readonly unknown[]
  /** All that it needs stands in the index, and every row counts. */
  byIndexAlone: boolean
}

/** Rows looked at to count: some ten milliseconds by an index alone; each row that has to be fetched may be a disk access. */
const MOST_ROWS = { byIndexAlone: 100_000, fetched: 20_000 }

/**
 * How many rows a list has, without reading millions of them to say so: counted, or, where more than `most` have to be looked at,
 * what those promise of as many as the server expects.
 */
export async function boundedCount(
  pool: Pool,
  { select, values, byIndexAlone }: Countable,
  most = byIndexAlone ? MOST_ROWS.byIndexAlone : MOST_ROWS.fetched,
): Promise<Total> {
  const [[counted]] = await pool.query<RowDataPacket[]>(
    `SELECT COUNT(*) AS looked_at, SUM(fits) AS total FROM (${select} LIMIT ${most + 1}) AS counted`,
    [...values],
  )
  const total = Number(counted?.total ?? 0)
  const lookedAt = Number(counted?.looked_at)
  if (lookedAt <= most) return { total }
  const expected = Math.max(lookedAt, await expectedRows(pool, select, values))
  return { total: Math.round((total / lookedAt) * expected), totalIsEstimate: true }
}

/** How many rows the server expects to read of the table that leads a statement: from a few pages of its index. */
export async function expectedRows(pool: Pool, select: string, values: readonly unknown[]): Promise<number> {
  const [[leading]] = await pool.query<RowDataPacket[]>(`EXPLAIN FORMAT=TRADITIONAL ${select}`, [...values])
  return Number(leading?.rows ?? 0)
}
