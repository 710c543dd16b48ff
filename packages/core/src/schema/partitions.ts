import type { Connection, RowDataPacket } from 'mysql2/promise'
import { alterTable } from './alter-table.ts'

/** The tables partitioned by month of `create_time`. */
export const PARTITIONED_TABLES = ['msg_message', 'msg_channel_task'] as const
export type PartitionedTable = (typeof PARTITIONED_TABLES)[number]

/** Takes what lies beyond the last month; empty as long as months are made in time. */
export const CATCH_ALL = 'pmax'
/** Months made before they begin. */
export const MONTHS_AHEAD = 3

/** First instant (UTC) of the month that lies `offset` months after the one of `date`. */
export function monthStart(date: Date, offset = 0): Date {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + offset, 1))
}

/** Name of a month's partition: `p202611`. */
export function partitionName(month: Date): string {
  return `p${month.toISOString().slice(0, 7).replace('-', '')}`
}

/** Names of a table's month partitions, oldest first, without the catch-all. */
export async function listPartitions(
  connection: Pick<Connection, 'query'>,
  table: PartitionedTable,
): Promise<string[]> {
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT PARTITION_NAME AS name FROM information_schema.PARTITIONS
     WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY PARTITION_ORDINAL_POSITION`,
    [table],
  )
  return rows.map((row) => String(row.name)).filter((name) => name !== CATCH_ALL)
}

/** The first instant (UTC) of the month that a partition is named after. */
export function partitionMonth(name: string): Date {
  return new Date(`${name.slice(1, 5)}-${name.slice(5)}-01T00:00:00Z`)
}

interface Months {
  now?: Date
  monthsBack?: number
  monthsAhead?: number
}

/**
 * Gives every partitioned table its missing months, see `addMonths`.
 * @returns the names of the partitions added
 */
export async function ensurePartitions(connection: Connection, months: Months = {}): Promise<string[]> {
  const added: string[] = []
  for (const table of PARTITIONED_TABLES) added.push(...(await addMonths(connection, table, months)))
  return added
}

/**
 * Splits the missing months off the catch-all partition, so that the table has one partition per month from
 * `monthsBack` before to `monthsAhead` after the month of `now` (UTC). Months older than the oldest existing
 * partition are not added: partitions only grow at the end. Rows that already lie in the catch-all move along.
 * @returns the names of the partitions added
 * @throws TableBusyError
 */
export async function addMonths(
  connection: Connection,
  table: PartitionedTable,
  { now = new Date(), monthsBack = 12, monthsAhead = MONTHS_AHEAD }: Months = {},
): Promise<string[]> {
  const newest = (await listPartitions(connection, table)).at(-1) ?? ''
  const missing: Date[] = []
  for (let offset = -monthsBack; offset <= monthsAhead; offset++) {
    const month = monthStart(now, offset)
    if (partitionName(month) > newest) missing.push(month)
  }
  if (missing.length === 0) return []
  const parts = missing.map((month) => {
    const end = monthStart(month, 1).toISOString().slice(0, 10)
    return `PARTITION ${partitionName(month)} VALUES LESS THAN ('${end}')`
  })
  // One statement: either all months exist afterwards or none.
  await alterTable(
    connection,
    `ALTER TABLE ${table} REORGANIZE PARTITION ${CATCH_ALL} INTO (${parts.join(', ')}, PARTITION ${CATCH_ALL} VALUES LESS THAN (MAXVALUE))`,
  )
  return missing.map((month) => `${table}.${partitionName(month)}`)
}
