import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/mysql2'
import { migrate } from 'drizzle-orm/mysql2/migrator'
import type { Connection } from 'mysql2/promise'
import { ensurePartitions } from '../schema/partitions.ts'
import { releaseNamedLock, takeNamedLock } from './named-lock.ts'

const MIGRATIONS_FOLDER = fileURLToPath(new URL('../schema/migrations', import.meta.url))
/** Held by whoever changes tables or their partitions. */
export const SCHEMA_LOCK = 'migrate'
const LOCK_TIMEOUT_SECONDS = 120

/**
 * Brings the database that `connection` has chosen to the newest schema and makes sure of the partitions of now.
 * A server-side lock lets one process at a time migrate; the others wait and then find nothing to do.
 * @returns the partitions that were added
 */
export async function migrateDatabase(connection: Connection): Promise<string[]> {
  if (!(await takeNamedLock(connection, SCHEMA_LOCK, LOCK_TIMEOUT_SECONDS))) {
    throw new Error(`another process has been migrating this database for more than ${LOCK_TIMEOUT_SECONDS} s`)
  }
  try {
    await migrate(drizzle(connection), { migrationsFolder: MIGRATIONS_FOLDER })
    return await ensurePartitions(connection)
  } finally {
    await releaseNamedLock(connection, SCHEMA_LOCK)
  }
}
