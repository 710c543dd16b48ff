import type { Connection, RowDataPacket } from 'mysql2/promise'
import { alterTable, TableBusyError } from './alter-table.ts'
import {
  addMonths,
  CATCH_ALL,
  listPartitions,
  MONTHS_AHEAD,
  monthStart,
  PARTITIONED_TABLES,
  type PartitionedTable,
  partitionName,
} from './partitions.ts'

/** Messages of a month that are not final. */
export interface OpenMonth {
  month: string
  /** `<tenant>/<message id>`, some of them. */
  messages: string[]
}

export interface PartitionReport {
  /** `<table>.<partition>` */
  added: string[]
  dropped: string[]
  /** What found its table in use throughout; the next run tries again. */
  busy: string[]
  /** Due to go, and kept for the sake of messages that are not final. */
  kept: OpenMonth[]
  /** Gone with messages that were not final. */
  lost: OpenMonth[]
  tables: Record<PartitionedTable, TableMonths>
}

interface TableMonths {
  /** Months that exist after the one of now. */
  monthsAhead: number
  /** Rows beyond the last month, counted up to one more than may move. */
  catchAllRows: number
}

/** Splitting the catch-all copies its rows and blocks writers meanwhile: so many take less than a second. */
const MAX_ROWS_MOVED = 10_000
/** A month with messages that are not final stays so much longer: a `sendAt` of its last day, a long wait at a provider. */
const GRACE_MONTHS = 2
const EXAMPLES = 20

/**
 * Makes the months ahead and drops those older than `retentionMonths` before the month of `now` (UTC), oldest first: of
 * the messages, then of their tasks. It looks at what is there, so that a run cut off anywhere is completed by the next one.
 * A message's key outlives it until `removeOldKeys` (messages/): never the other way round.
 * @param connection one of its own, for its session settings change
 */
export async function maintainPartitions(
  connection: Connection,
  options: { now: Date; retentionMonths: number; maxRowsMoved?: number },
): Promise<PartitionReport> {
  const { now, retentionMonths, maxRowsMoved = MAX_ROWS_MOVED } = options
  const report: Omit<PartitionReport, 'tables'> = { added: [], dropped: [], busy: [], kept: [], lost: [] }
  for (const table of PARTITIONED_TABLES) {
    // A great many are left to `npm run migrate`, at an hour that somebody chooses.
    if ((await catchAllRows(connection, table, maxRowsMoved)) > maxRowsMoved) continue
    await unlessBusy(report, async () => {
      report.added.push(...(await addMonths(connection, table, { now })))
    })
  }
  // Whoever holds a table does so for long; another attempt now would only hold up the others once more.
  if (report.busy.length === 0) await unlessBusy(report, () => dropMonths(connection, report, now, retentionMonths))
  const months = async (table: PartitionedTable): Promise<TableMonths> => ({
    monthsAhead: (await listPartitions(connection, table)).filter((name) => name > partitionName(now)).length,
    catchAllRows: await catchAllRows(connection, table, maxRowsMoved),
  })
  return {
    ...report,
    tables: { msg_message: await months('msg_message'), msg_channel_task: await months('msg_channel_task') },
  }
}

/** What is lacking where everything is as it should be: nothing. */
export function partitionFaults({ tables, busy, lost }: PartitionReport): string[] {
  const faults = busy.map((reason) => `could not be done: ${reason}`)
  for (const { month, messages } of lost)
    faults.push(`${month} was dropped with messages that were not final: ${messages.join(', ')}`)
  for (const [table, { monthsAhead, catchAllRows: rows }] of Object.entries(tables)) {
    if (monthsAhead < MONTHS_AHEAD) faults.push(`${table} has ${monthsAhead} months ahead instead of ${MONTHS_AHEAD}`)
    if (rows > 0) faults.push(`${table} has rows beyond its last month (${rows} or more)`)
  }
  return faults
}

async function unlessBusy(report: Pick<PartitionReport, 'busy'>, alter: () => Promise<void>): Promise<void> {
  try {
    await alter()
  } catch (error) {
    if (!(error instanceof TableBusyError)) throw error
    report.busy.push(error.message)
  }
}

async function dropMonths(
  connection: Connection,
  report: Pick<PartitionReport, 'dropped' | 'kept' | 'lost'>,
  now: Date,
  retentionMonths: number,
): Promise<void> {
  const keptFrom = partitionName(monthStart(now, -retentionMonths))
  const graceFrom = partitionName(monthStart(now, -retentionMonths - GRACE_MONTHS))
  const drop = async (table: PartitionedTable, month: string) => {
    await alterTable(connection, `ALTER TABLE ${table} DROP PARTITION ${month}`)
    report.dropped.push(`${table}.${month}`)
  }
  for (const month of await listPartitions(connection, 'msg_message')) {
    if (month >= keptFrom) break
    const messages = await openMessages(connection, month)
    if (messages.length > 0 && month >= graceFrom) {
      report.kept.push({ month, messages })
      break
    }
    await drop('msg_message', month)
    if (messages.length > 0) report.lost.push({ month, messages })
  }
  // Tasks go with their messages, also with those that an earlier run dropped before it was cut off.
  const [oldest = keptFrom] = await listPartitions(connection, 'msg_message')
  for (const month of await listPartitions(connection, 'msg_channel_task')) {
    if (month >= oldest) break
    await drop('msg_channel_task', month)
  }
}

async function openMessages(connection: Connection, month: string): Promise<string[]> {
  const [rows] = await connection.query<RowDataPacket[]>(
    `SELECT tenant_id, message_id FROM msg_message PARTITION (${month}) FORCE INDEX (ix_due)
     WHERE due_time IS NOT NULL LIMIT ?`,
    [EXAMPLES],
  )
  return rows.map((row) => `${row.tenant_id}/${row.message_id}`)
}

async function catchAllRows(connection: Connection, table: PartitionedTable, limit: number): Promise<number> {
  const [[row]] = await connection.query<RowDataPacket[]>(
    `SELECT COUNT(*) AS n FROM (SELECT 1 FROM ${table} PARTITION (${CATCH_ALL}) LIMIT ?) AS beyond`,
    [limit + 1],
  )
  return Number(row?.n)
}
