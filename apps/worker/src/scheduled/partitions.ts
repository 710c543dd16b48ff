import type { SettingsSource } from '@message-center/core/configs/settings-source.ts'
import { PLATFORM_TENANT } from '@message-center/core/contracts/caller.ts'
import { SCHEMA_LOCK } from '@message-center/core/database/migrate.ts'
import { aloneWith } from '@message-center/core/database/named-lock.ts'
import {
  maintainPartitions,
  type PartitionReport,
  partitionFaults,
} from '@message-center/core/schema/maintain-partitions.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import type { UpkeepMetrics } from '@message-center/core/telemetry/metrics.ts'
import type { Connection, Pool, RowDataPacket } from 'mysql2/promise'

export interface PartitionDependencies {
  pool: Pool
  /** A connection that is used for nothing else, and that waits longer than those of the pool. */
  connect(): Promise<Connection>
  settings: SettingsSource
  metrics: Pick<UpkeepMetrics, 'monthsAhead' | 'catchAllRows'>
  logger: Logger
  now?: () => Date
}

/** More than clocks of servers are apart, and less than would make a month go too early. */
const MAX_CLOCK_DIFFERENCE_MS = 86_400_000

/**
 * The scheduled task that keeps the month partitions, see `maintainPartitions`; not beside a migration.
 * @param signal breaks it off; the server ends the statement that it is at, and the next run goes on
 * @returns what was done, for people; undefined where another process is at it
 * @throws Error where something is not as it should be: the run counts as failed until a later one has made up for it
 */
export function keepPartitions(deps: PartitionDependencies, signal: AbortSignal): Promise<string | undefined> {
  return aloneWith(deps.pool, SCHEMA_LOCK, async () => {
    const { retentionMonths } = await deps.settings(PLATFORM_TENANT)
    const now = await trustedNow(deps)
    const connection = await deps.connect()
    const stopped = Promise.withResolvers<never>()
    const stop = () => stopped.reject(new Error('broken off, for the process stops; the next run goes on'))
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
    try {
      // A connection that is destroyed never answers.
      return tell(await Promise.race([maintainPartitions(connection, { now, retentionMonths }), stopped.promise]), deps)
    } finally {
      signal.removeEventListener('abort', stop)
      connection.destroy()
    }
  })
}

/** A clock that is wrong by months would drop messages that are wanted: two must agree. */
async function trustedNow({ pool, now = () => new Date() }: PartitionDependencies): Promise<Date> {
  const [[row]] = await pool.query<RowDataPacket[]>('SELECT UTC_TIMESTAMP() AS now')
  const here = now()
  if (Math.abs(here.getTime() - row?.now.getTime()) < MAX_CLOCK_DIFFERENCE_MS) return here
  throw new Error(`the clock here says ${here.toISOString()}, the database's ${row?.now.toISOString()}`)
}

function tell(report: PartitionReport, { metrics, logger }: PartitionDependencies): string {
  for (const [table, { monthsAhead, catchAllRows }] of Object.entries(report.tables)) {
    metrics.monthsAhead.set({ table }, monthsAhead)
    metrics.catchAllRows.set({ table }, catchAllRows)
  }
  const { added, dropped, kept } = report
  if (added.length + dropped.length > 0) logger.info({ added, dropped }, 'month partitions')
  for (const { month, messages } of kept)
    logger.warn({ month, messages }, 'a month past its retention is kept: it has messages that are not final')
  const faults = partitionFaults(report)
  if (faults.length > 0) throw new Error(faults.join('; '))
  return `added ${list(added)}; dropped ${list(dropped)}; kept past its time ${list(kept.map(({ month }) => month))}`
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ')
}
