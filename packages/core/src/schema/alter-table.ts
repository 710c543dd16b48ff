import { setTimeout as delay } from 'node:timers/promises'
import type { Connection } from 'mysql2/promise'

/** Others kept using the table, so that it could not be altered. */
export class TableBusyError extends Error {
  override readonly name = 'TableBusyError'
}

/**
 * While a statement waits for a table's metadata lock, every later one on that table waits behind it: the shortest wait that
 * both servers know. MariaDB waits up to three times so long, for it takes the lock in steps.
 */
const LOCK_WAIT_SECONDS = 1
const TRIES = 2
const PAUSE_MS = 500
/** For the work itself, once it has the lock: a big partition's file takes a while to go. */
const STATEMENT_LIMIT_MS = 600_000
const LOCK_WAIT_TIMEOUT = 1205

/**
 * Runs an `ALTER TABLE` on a table in use: waits a moment for those who use it, and lets the others through
 * between its tries.
 * @throws TableBusyError where somebody used the table all the time; nothing has changed then
 */
export async function alterTable(connection: Connection, statement: string): Promise<void> {
  await connection.query('SET SESSION lock_wait_timeout = ?', [LOCK_WAIT_SECONDS])
  for (let attempt = 1; ; attempt++) {
    try {
      await connection.query({ sql: statement, timeout: STATEMENT_LIMIT_MS })
      break
    } catch (error) {
      if (!isLockTimeout(error)) throw error
      if (attempt === TRIES) throw new TableBusyError(`the table is in use: ${statement}`, { cause: error })
      await delay(PAUSE_MS)
    }
  }
  await connection.query('SET SESSION lock_wait_timeout = DEFAULT')
}

function isLockTimeout(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && error.errno === LOCK_WAIT_TIMEOUT
}
