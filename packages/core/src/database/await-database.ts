import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { Logger } from '../telemetry/logger.ts'

const RETRY_MS = 500
const JOURNAL = new URL('../schema/migrations/meta/_journal.json', import.meta.url)

/**
 * Waits until the database answers and has every migration that this version knows: start order is free, and a new version may
 * be started before `npm run migrate`. A newer schema is taken: it fits the version before, too.
 * @param signal ends the waiting
 */
export async function awaitDatabase(pool: Pool, logger: Logger, signal?: AbortSignal): Promise<void> {
  const newest = newestMigration()
  let last = ''
  for (;;) {
    const missing = await whatIsMissing(pool, newest)
    if (missing === null) return
    if (missing !== last) logger.warn(`waiting for the database: ${missing}`)
    last = missing
    await delay(RETRY_MS, undefined, { signal })
  }
}

async function whatIsMissing(pool: Pool, newest: number): Promise<string | null> {
  try {
    const [[row]] = await pool.query<RowDataPacket[]>('SELECT MAX(created_at) AS newest FROM __drizzle_migrations')
    if (Number(row?.newest ?? 0) >= newest) return null
    return 'its schema is older than this version; npm run migrate brings it up to date'
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ER_NO_SUCH_TABLE')
      return 'it has no tables yet; npm run migrate makes them'
    return error instanceof Error ? error.message || String(error) : String(error)
  }
}

/** By the time in the journal, as Drizzle notes it in `created_at`. */
function newestMigration(): number {
  const { entries } = JSON.parse(readFileSync(JOURNAL, 'utf8')) as { entries: { when: number }[] }
  return Math.max(...entries.map(({ when }) => when))
}
