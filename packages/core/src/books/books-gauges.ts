import type { Pool } from 'mysql2/promise'
import type { Registry } from 'prom-client'
import { BOOK_METRICS } from '../telemetry/metric-definitions.ts'
import { registerMetrics } from '../telemetry/metrics.ts'
import { countMissing, HOUR_MS, readBooks } from './hourly-books.ts'

/**
 * Gauges of the books, read when they are asked for: the same figures in every process.
 * @param onError a scrape that cannot read them goes without them
 */
export function exposeBooks(registry: Registry, pool: Pool, onError: (error: unknown) => void): void {
  let reading: Promise<void> | undefined
  /** A scrape asks all gauges at once: they share what is read. */
  const refresh = (): Promise<void> => {
    reading ??= read()
      .catch(onError)
      .finally(() => {
        reading = undefined
      })
    return reading
  }
  const { messages, missing, checkedAt } = registerMetrics(registry, BOOK_METRICS, refresh)

  async function read(): Promise<void> {
    for (const each of [messages, missing, checkedAt]) each.reset()
    const now = new Date()
    const [books, missed] = await Promise.all([readBooks(pool, 2, now), countMissing(pool)])
    missing.set(missed)
    const newest = books[0]
    if (newest) checkedAt.set(newest.checkedAt.getTime() / 1_000)
    const full = books.find(({ hour }) => hour.getTime() + HOUR_MS <= now.getTime())
    if (!full) return
    messages.set({ state: 'accepted' }, full.accepted)
    messages.set({ state: 'success' }, full.success)
    messages.set({ state: 'partial_success' }, full.partialSuccess)
    messages.set({ state: 'failed' }, full.failed)
    messages.set({ state: 'waiting' }, full.waiting)
    messages.set({ state: 'missing' }, full.missing)
  }
}
