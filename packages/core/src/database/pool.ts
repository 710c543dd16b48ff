import { readFileSync } from 'node:fs'
import { isIP, type Socket } from 'node:net'
import type { Pool as CallbackPool, PoolConnection } from 'mysql2'
import { type Connection, createConnection, createPool, type Pool, type PoolOptions } from 'mysql2/promise'
import type { Env } from '../settings/env.ts'
import { isDatabaseUnavailable } from './unavailable.ts'

export type DatabaseEnv = Pick<Env, 'databaseUrl' | 'databaseSsl' | 'databaseSslCa'>

/**
 * Driver options that the whole system relies on: UTC, 64-bit ids as strings, JSON columns as the text that is stored
 * (parsing would round big numbers).
 */
function connectionOptions({ databaseUrl, databaseSsl, databaseSslCa }: DatabaseEnv): PoolOptions {
  const url = new URL(databaseUrl)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const ssl =
    databaseSsl === 'off'
      ? undefined
      : {
          rejectUnauthorized: databaseSsl === 'verify',
          // The driver cannot compare an address with a certificate's names: then the authority alone vouches.
          verifyIdentity: databaseSsl === 'verify' && isIP(host) === 0,
          ...(databaseSslCa ? { ca: readFileSync(databaseSslCa, 'utf8') } : {}),
        }
  return {
    host,
    port: Number(url.port || 3306),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)) || undefined,
    ssl,
    charset: 'utf8mb4_bin',
    timezone: 'Z',
    supportBigNumbers: true,
    bigNumberStrings: true,
    jsonStrings: true,
    connectTimeout: 5_000,
    enableKeepAlive: true,
  }
}

/** Statements that every session runs first. READ COMMITTED: no gap locks, and each statement sees what others committed. */
const SESSION_SETUP = [
  "SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = 5",
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
]

/**
 * A server that hangs, or a network that drops packets, closes nothing: after this long without a byte a connection in use
 * counts as lost, and so does the database to whoever waits so long for a connection. Longer than
 * `innodb_lock_wait_timeout`, during which the server is silent with good reason.
 */
const PATIENCE_MS = 8_000

/**
 * After so much silence the server ends a session. What a process has locked that stands still, or whose way is half open, all
 * others would wait for, their outcomes and everybody's with them. Shorter than the lease of a send.
 */
const MAX_SILENCE_SECONDS = 10
/** So idle connections are closed here, before that. */
const MAX_IDLE_MS = 5_000

/**
 * A pool of connections to the database. Does not connect by itself.
 * @param limit most connections at once; callers wait for a free one
 */
export function createDatabasePool(env: DatabaseEnv, limit = 10): Pool {
  const pool = createPool({
    ...connectionOptions(env),
    connectionLimit: limit,
    // The driver looks for idle connections only where fewer than all may be idle.
    maxIdle: Math.max(1, limit - 1),
    idleTimeout: MAX_IDLE_MS,
    gracefulEnd: true,
  })
  // Commands of one connection run in order, so these come before the statement that caused the connect.
  pool.pool.on('connection', (connection) => {
    socketOf(connection).on('timeout', function (this: Socket) {
      this.destroy(timedOut('the database has fallen silent'))
    })
    for (const statement of [...SESSION_SETUP, `SET SESSION wait_timeout = ${MAX_SILENCE_SECONDS}`]) {
      connection.query(statement, (error) => {
        if (error) connection.destroy()
      })
    }
  })
  pool.pool.on('acquire', (connection) => socketOf(connection).setTimeout(PATIENCE_MS))
  pool.pool.on('release', (connection) => socketOf(connection).setTimeout(0))
  limitWaiting(pool.pool)
  return pool
}

/** Closes a pool. A connection that breaks while it takes its leave, or has broken before, is closed as well. */
export async function endPool(pool: Pool): Promise<void> {
  await pool.end().catch((error: unknown) => {
    if (!isDatabaseUnavailable(error)) throw error
  })
}

/** The driver lets callers wait for a free connection without end; `query` gets its connection this way, too. */
function limitWaiting(pool: CallbackPool): void {
  const getConnection = pool.getConnection.bind(pool)
  pool.getConnection = (callback) => {
    let gaveUp = false
    const timer = setTimeout(() => {
      gaveUp = true
      const fail = callback as (error: Error) => void
      fail(timedOut('no database connection has become free'))
    }, PATIENCE_MS)
    getConnection((error, connection) => {
      clearTimeout(timer)
      if (!gaveUp) callback(error, connection)
      else connection?.release()
    })
  }
}

function timedOut(message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code: 'ETIMEDOUT' })
}

/** The connection's socket, which the driver's types leave out. */
function socketOf(connection: PoolConnection): Socket {
  return (connection as PoolConnection & { stream: Socket }).stream
}

/** One connection of its own, for migrations and locks. `database: false` connects without choosing a database. */
export async function connectDatabase(env: DatabaseEnv, options: { database?: false } = {}): Promise<Connection> {
  const { connectionLimit: _, ...rest } = connectionOptions(env)
  const connection = await createConnection(options.database === false ? { ...rest, database: undefined } : rest)
  for (const statement of SESSION_SETUP) await connection.query(statement)
  return connection
}

/** Name of the database in a `mysql://` URL. */
export function databaseName({ databaseUrl }: DatabaseEnv): string {
  return decodeURIComponent(new URL(databaseUrl).pathname.slice(1))
}
