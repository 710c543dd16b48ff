import { fileURLToPath } from 'node:url'
import { drizzle } from 'drizzle-orm/mysql2'
import { migrate } from 'drizzle-orm/mysql2/migrator'
import type { Connection, RowDataPacket } from 'mysql2/promise'
import { ensurePartitions } from './partitions.ts'

const MIGRATIONS_FOLDER = fileURLToPath(new URL('./migrations', import.meta.url))
const LOCK_NAME = 'message_center_migrate'
/** A lock's name has at most 64 characters, and a database's may have as many. MySQL 9.7 has no MD5. */
const LOCK = 'SHA2(CONCAT(DATABASE(), ?), 256)'
const LOCK_TIMEOUT_SECONDS = 120

/**
 * Brings the database that `connection` has chosen to the newest schema and makes sure of the partitions of now.
 * A server-side lock lets one process at a time migrate; the others wait and then find nothing to do.
 * @returns the partitions that were added
 */
export async function migrateDatabase(connection: Connection): Promise<string[]> {
  const [rows] = await connection.query<RowDataPacket[]>(`SELECT GET_LOCK(${LOCK}, ?) AS locked`, [
    `.${LOCK_NAME}`,
    LOCK_TIMEOUT_SECONDS,
  ])
  if (Number(rows[0]?.locked) !== 1) {
    throw new Error(`another process has been migrating this database for more than ${LOCK_TIMEOUT_SECONDS} s`)
  }
  try {
    await migrate(drizzle(connection), { migrationsFolder: MIGRATIONS_FOLDER })
    return await ensurePartitions(connection)
  } finally {
    await connection.query(`SELECT RELEASE_LOCK(${LOCK})`, [`.${LOCK_NAME}`])
  }
}
