import { index, int, mysqlTable, text } from 'drizzle-orm/mysql-core'
import { datetimeMs, datetimeSeconds } from './columns.ts'

/** What has become of the messages that were accepted in an hour (UTC). */
export const hourlyBooks = mysqlTable(
  'msg_hourly_books',
  {
    hour: datetimeSeconds('hour').primaryKey(),
    /** Ids that were taken in this hour: what there should be. */
    accepted: int('accepted').notNull(),
    success: int('success').notNull(),
    partialSuccess: int('partial_success').notNull(),
    failed: int('failed').notNull(),
    /** Not final, and on the reconciler's list. */
    waiting: int('waiting').notNull(),
    /** Accepted less all of these: 0, or something is wrong. */
    missing: int('missing').notNull(),
    /** JSON `[tenantId, messages][]`, the busiest first. */
    topTenants: text('top_tenants').notNull(),
    checkedAt: datetimeMs('checked_at').notNull(),
  },
  (table) => [index('ix_missing').on(table.missing)],
)

export type HourlyBooksRow = typeof hourlyBooks.$inferSelect
