import { and, desc, gte, lt, lte, ne, or, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/mysql2'
import type { Pool, ResultSetHeader } from 'mysql2/promise'
import { toDatetime } from '../messages/message-ref.ts'
import { type HourlyBooksRow, hourlyBooks } from '../schema/hourly-books.ts'
import { countHour, type HourCount } from './count-hour.ts'

export const HOUR_MS = 3_600_000
/** Whatever was accepted longer ago is committed, or will never be; clocks of processes may differ by less. */
const SETTLED_MS = 60_000
/** Hours that were never counted are made up for. */
const BACK_HOURS = 24
/** A `sendAt` is at most 30 days ahead, and a month that may hold such messages is still there. */
const OPEN_DAYS = 31
/** Hours with messages that wait are counted again each time while they are young, later once an hour, so many at a time. */
const YOUNG_HOURS = 3
const OLD_AT_ONCE = 6

/**
 * Writes the books of every hour that may have changed: the current one, those never counted, those that do not balance, and
 * those in which something waits.
 * @param tenants how many of the busiest are named
 * @returns what was done, for people
 */
export async function writeBooks(pool: Pool, tenants: number, now = new Date()): Promise<string> {
  const hours = await hoursToCount(pool, now)
  let missing = 0
  for (const hour of hours) {
    const until = new Date(Math.min(hour.getTime() + HOUR_MS, now.getTime() - SETTLED_MS))
    const row = toRow(hour, await countHour(pool, hour, until), tenants, now)
    const { hour: _, ...fields } = row
    await drizzle(pool).insert(hourlyBooks).values(row).onDuplicateKeyUpdate({ set: fields })
    missing += Math.abs(row.missing)
  }
  return `${hours.length} hours counted, ${missing} messages missing`
}

/** The newest books first, from the hour in which `now` lies back. */
export async function readBooks(pool: Pool, hours: number, now = new Date()): Promise<HourlyBooksRow[]> {
  const from = new Date(hourOf(now).getTime() - (hours - 1) * HOUR_MS)
  return drizzle(pool).select().from(hourlyBooks).where(gte(hourlyBooks.hour, from)).orderBy(desc(hourlyBooks.hour))
}

/** Messages that do not add up, over all hours in the books. */
export async function countMissing(pool: Pool): Promise<number> {
  const [row] = await drizzle(pool)
    .select({ messages: sql`COALESCE(SUM(ABS(${hourlyBooks.missing})), 0)`.mapWith(Number) })
    .from(hourlyBooks)
    .where(or(lt(hourlyBooks.missing, 0), sql`${hourlyBooks.missing} > 0`))
  return row?.messages ?? 0
}

/** Removes books of hours before a time. */
export async function removeOldBooks(pool: Pool, before: Date, limit: number): Promise<number> {
  const [{ affectedRows }] = await pool.query<ResultSetHeader>(
    'DELETE FROM msg_hourly_books WHERE hour < ? ORDER BY hour LIMIT ?',
    [toDatetime(before), limit],
  )
  return affectedRows
}

async function hoursToCount(pool: Pool, now: Date): Promise<Date[]> {
  const current = hourOf(new Date(now.getTime() - SETTLED_MS))
  const known = await readBooks(pool, BACK_HOURS + 1, now)
  const recent = Array.from({ length: BACK_HOURS }, (_, index) => new Date(current.getTime() - index * HOUR_MS))
  const wanted = recent.filter((hour) => {
    const books = known.find((row) => row.hour.getTime() === hour.getTime())
    if (!books || hour.getTime() === current.getTime()) return true
    // Counted while it was still going on.
    if (books.checkedAt.getTime() < hour.getTime() + HOUR_MS + SETTLED_MS) return true
    return books.waiting > 0 && now.getTime() - hour.getTime() < YOUNG_HOURS * HOUR_MS
  })
  const open = await drizzle(pool)
    .select({ hour: hourlyBooks.hour })
    .from(hourlyBooks)
    .where(
      and(
        gte(hourlyBooks.hour, new Date(now.getTime() - OPEN_DAYS * 24 * HOUR_MS)),
        or(
          ne(hourlyBooks.missing, 0),
          and(sql`${hourlyBooks.waiting} > 0`, lte(hourlyBooks.checkedAt, new Date(now.getTime() - HOUR_MS))),
        ),
      ),
    )
    .orderBy(sql`${hourlyBooks.missing} = 0`, hourlyBooks.checkedAt)
    .limit(OLD_AT_ONCE)
  const times = new Set([...wanted, ...open.map(({ hour }) => hour)].map((hour) => hour.getTime()))
  return [...times].sort((a, b) => a - b).map((time) => new Date(time))
}

function toRow(hour: Date, count: HourCount, tenants: number, now: Date): HourlyBooksRow {
  const { byTenant, ...sums } = count
  const top = [...byTenant].sort(([, a], [, b]) => b - a).slice(0, tenants)
  return {
    hour,
    ...sums,
    missing: sums.accepted - sums.success - sums.partialSuccess - sums.failed - sums.waiting,
    topTenants: JSON.stringify(top),
    checkedAt: now,
  }
}

/** The hour (UTC) in which a time lies. */
function hourOf(time: Date): Date {
  return new Date(Math.floor(time.getTime() / HOUR_MS) * HOUR_MS)
}
