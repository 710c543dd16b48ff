import { setTimeout as delay } from 'node:timers/promises'
import { removeOldEntries } from '@message-center/core/audit/remove-old-entries.ts'
import { removeOldBooks } from '@message-center/core/books/hourly-books.ts'
import type { SettingsSource } from '@message-center/core/configs/settings-source.ts'
import { PLATFORM_TENANT } from '@message-center/core/contracts/caller.ts'
import { removeOldInboxRows } from '@message-center/core/inbox/remove-old-inbox-rows.ts'
import { removeOldKeys } from '@message-center/core/messages/remove-old-keys.ts'
import { removeOldQuotaUse } from '@message-center/core/quota/quota-usage.ts'
import { monthStart } from '@message-center/core/schema/partitions.ts'
import type { Pool } from 'mysql2/promise'

/** One kind of row that is past its time. */
export interface CleanUpStep {
  /** Names the rows: `message keys`. */
  name: string
  /**
   * Removes at most `limit` of them and answers how many; fewer than `limit`: there are no more.
   * @param signal for a step that has batches of its own
   */
  remove(limit: number, signal: AbortSignal): Promise<number>
}

const DAY_MS = 86_400_000
/** A statement of this size locks its rows for some milliseconds. */
const BATCH = 500
/** So that whatever else the database has to do comes through, a batch is followed by a pause as long as it took, at least. */
const MIN_PAUSE_MS = 5

/** What is removed by age, in this order. */
export function cleanUpSteps({ pool, settings }: { pool: Pool; settings: SettingsSource }): CleanUpStep[] {
  return [
    { name: 'message keys', remove: (limit) => removeOldKeys(pool, limit) },
    {
      name: 'audit entries',
      async remove(limit) {
        const { auditRetentionMonths } = await settings(PLATFORM_TENANT)
        return removeOldEntries(pool, monthStart(new Date(), -auditRetentionMonths), limit)
      },
    },
    {
      name: 'inbox rows',
      async remove(limit) {
        const { inboxRetentionDays } = await settings(PLATFORM_TENANT)
        return removeOldInboxRows(pool, new Date(Date.now() - inboxRetentionDays * DAY_MS), limit)
      },
    },
    {
      name: 'hourly books',
      async remove(limit) {
        const { retentionMonths } = await settings(PLATFORM_TENANT)
        return removeOldBooks(pool, monthStart(new Date(), -retentionMonths), limit)
      },
    },
    {
      name: 'months of quotas',
      async remove(limit) {
        // As long as the messages that were counted.
        const { retentionMonths } = await settings(PLATFORM_TENANT)
        return removeOldQuotaUse(pool, monthStart(new Date(), -retentionMonths).toISOString().slice(0, 7), limit)
      },
    },
  ]
}

/**
 * Removes what is past its time, in batches, until nothing is left or `signal` aborts; the next run goes on where this one
 * ended. A step that fails does not keep the others from their work.
 * @returns what was removed, for people
 * @throws AggregateError of the steps that failed, after the others
 */
export async function cleanUp(
  steps: readonly CleanUpStep[],
  options: { signal: AbortSignal; batch?: number; onRemoved(step: string, rows: number): void },
): Promise<string> {
  const { signal, batch = BATCH, onRemoved } = options
  const told: string[] = []
  const errors: unknown[] = []
  for (const { name, remove } of steps) {
    let total = 0
    try {
      for (let removed = batch; removed === batch && !signal.aborted; ) {
        const startedAt = performance.now()
        removed = await remove(batch, signal)
        total += removed
        onRemoved(name, removed)
        if (removed === batch) await delay(Math.max(MIN_PAUSE_MS, performance.now() - startedAt))
      }
    } catch (error) {
      errors.push(new Error(`${name}: ${error instanceof Error ? error.message : error}`, { cause: error }))
    }
    told.push(`${total} ${name}`)
  }
  if (errors.length > 0) throw new AggregateError(errors, errors.map((error) => String(error)).join('; '))
  return `removed ${told.join(', ')}${signal.aborted ? '; interrupted, the next run goes on' : ''}`
}
