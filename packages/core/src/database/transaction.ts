import { setTimeout as delay } from 'node:timers/promises'
import type { Pool, PoolConnection } from 'mysql2/promise'

const DEADLOCK = 1213
const LOCK_WAIT_TIMEOUT = 1205
const MAX_TRIES = 8

/**
 * Runs `work` in one transaction and commits. A deadlock or lock time-out (MySQL 1213, 1205) rolls back and runs `work`
 * again, so `work` must not have effects outside the database.
 * @throws what `work` or the database threw, after the roll-back
 */
export async function inTransaction<T>(pool: Pool, work: (connection: PoolConnection) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runOnce(pool, work)
    } catch (error) {
      if (attempt === MAX_TRIES || !isLockConflict(error)) throw error
      await delay(Math.random() * 10 * 2 ** attempt)
    }
  }
}

/** True for errors that a repetition of the same transaction can cure. */
export function isLockConflict(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const errno = 'errno' in error ? error.errno : undefined
  // Drizzle wraps what the driver throws.
  return errno === DEADLOCK || errno === LOCK_WAIT_TIMEOUT || isLockConflict(error.cause)
}

async function runOnce<T>(pool: Pool, work: (connection: PoolConnection) => Promise<T>): Promise<T> {
  const connection = await pool.getConnection()
  try {
    await connection.query('START TRANSACTION')
    const result = await work(connection)
    await connection.query('COMMIT')
    connection.release()
    return result
  } catch (error) {
    // A connection that cannot roll back is in an unknown state: it must not go back to the pool.
    await connection.query('ROLLBACK').then(
      () => connection.release(),
      () => connection.destroy(),
    )
    throw error
  }
}
