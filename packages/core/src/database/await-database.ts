import { setTimeout as delay } from 'node:timers/promises'
import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { Logger } from '../telemetry/logger.ts'

const RETRY_MS = 500

/**
 * Waits until the database answers and `npm run migrate` has been there: start order is free.
 * @param signal ends the waiting
 */
export async function awaitDatabase(pool: Pool, logger: Logger, signal?: AbortSignal): Promise<void> {
  let last = ''
  for (;;) {
    const missing = await whatIsMissing(pool)
    if (missing === null) return
    if (missing !== last) logger.warn(`waiting for the database: ${missing}`)
    last = missing
    await delay(RETRY_MS, undefined, { signal })
  }
}

async function whatIsMissing(pool: Pool): Promise<string | null> {
  try {
    const [rows] = await pool.query<RowDataPacket[]>("SHOW TABLES LIKE 'msg_inbox'")
    return rows.length > 0 ? null : 'it has no tables yet; npm run migrate makes them'
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
