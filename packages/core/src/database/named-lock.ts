import type { Connection, Pool, RowDataPacket } from 'mysql2/promise'

/** A lock's name has at most 64 characters, and a database's may have as many. MySQL 9.7 has no MD5. */
const FULL_NAME = "SHA2(CONCAT(DATABASE(), '.message_center_', ?), 256)"
/** A connection without a byte for long counts as lost, here and at the server (pool.ts): who stands still loses the lock. */
const KEEP_ALIVE_MS = 2_000

/**
 * Takes a lock that the server keeps for this connection, in its own database, until it is released or the connection ends:
 * it cannot outlive its process.
 * @returns whether it was got within `timeoutSeconds`
 */
export async function takeNamedLock(connection: Connection, name: string, timeoutSeconds: number): Promise<boolean> {
  const [[row]] = await connection.query<RowDataPacket[]>(`SELECT GET_LOCK(${FULL_NAME}, ?) AS locked`, [
    name,
    timeoutSeconds,
  ])
  return Number(row?.locked) === 1
}

export async function releaseNamedLock(connection: Connection, name: string): Promise<void> {
  await connection.query(`SELECT RELEASE_LOCK(${FULL_NAME})`, [name])
}

/**
 * Runs `work` where no other process that uses the same database runs it under this name.
 * @returns what `work` returned; undefined where another one is at it: then nothing was done
 */
export async function aloneWith<T extends {}>(
  pool: Pool,
  name: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const connection = await pool.getConnection()
  let timer: NodeJS.Timeout | undefined
  try {
    if (!(await takeNamedLock(connection, name, 0))) {
      connection.release()
      return undefined
    }
    // A failure shows when the lock is released.
    timer = setInterval(() => connection.query('DO 0').catch(() => undefined), KEEP_ALIVE_MS)
    const result = await work()
    clearInterval(timer)
    await releaseNamedLock(connection, name)
    connection.release()
    return result
  } catch (error) {
    // Closed, it cannot keep the lock, whatever has happened.
    connection.destroy()
    throw error
  } finally {
    clearInterval(timer)
  }
}
