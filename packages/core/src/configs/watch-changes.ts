import type { Pool, PoolConnection, RowDataPacket } from 'mysql2/promise'
import { PLATFORM_TENANT } from '../contracts/caller.ts'
import { LATEST_CHANGE_NUMBER } from './change.ts'

/** What this process knows of changes to configs, templates and settings. */
export interface ConfigChanges {
  /** The listener is called with each tenant of whom everything cached is stale; PLATFORM_TENANT: of everyone. */
  subscribe(listener: (tenantId: string) => void): void
  /**
   * Whether what is cached may be used: nothing where it may, else a promise to wait for. It may where this process has
   * looked for changes lately, and knows at least the change `number`.
   * The promise rejects where the database does not tell.
   */
  caughtUp(number?: number): Promise<void> | undefined
  /** Stops looking. */
  close(): Promise<void>
}

const POLL_MS = 250
/** Older knowledge is not used: with the time that a look takes, a change is known everywhere within a second. */
const MAX_AGE_MS = 700
const POLL_TIMEOUT_MS = 2_000

/**
 * Looks for changes several times a second, by one look-up of one row. The first look tells of everyone.
 * @param onError told once for each time that looking begins to fail
 */
export function watchChanges(pool: Pool, onError: (error: unknown) => void): ConfigChanges {
  const listeners: ((tenantId: string) => void)[] = []
  let known: number | undefined
  let knownAt = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | undefined
  let failing = false

  async function look(): Promise<void> {
    const startedAt = performance.now()
    const { latest, tenants } = await withConnection(pool, (connection) => changesSince(connection, known))
    known = latest
    knownAt = startedAt
    for (const tenantId of tenants) for (const listener of listeners) listener(tenantId)
  }

  function lookOnce(): Promise<void> {
    looking ??= look().finally(() => {
      looking = undefined
    })
    return looking
  }

  const isCurrent = () => performance.now() - knownAt < MAX_AGE_MS

  async function catchUp(number: number): Promise<void> {
    // The look under way may have begun too early to see the number.
    if (looking) await looking
    if (known === undefined || known < number || !isCurrent()) await lookOnce()
  }

  const timer = setInterval(() => {
    lookOnce().then(
      () => {
        failing = false
      },
      (error) => {
        if (!failing) onError(error)
        failing = true
      },
    )
  }, POLL_MS)
  return {
    subscribe: (listener) => void listeners.push(listener),
    caughtUp: (number = 0) => (known !== undefined && known >= number && isCurrent() ? undefined : catchUp(number)),
    async close() {
      clearInterval(timer)
      await looking?.catch(onError)
    },
  }
}

interface Changes {
  latest: number
  tenants: string[]
}

async function changesSince(connection: PoolConnection, known: number | undefined): Promise<Changes> {
  const [[row]] = await connection.query<RowDataPacket[]>(`SELECT ${LATEST_CHANGE_NUMBER} AS latest`)
  const latest = Number(row?.latest ?? 0)
  if (latest === known) return { latest, tenants: [] }
  // The first look; or the database is another one, or one from a back-up.
  if (known === undefined || latest < known) return { latest, tenants: [PLATFORM_TENANT] }
  const [changed] = await connection.query<RowDataPacket[]>(
    'SELECT tenant_id FROM msg_config_change WHERE change_number > ? AND tenant_id >= 0',
    [known],
  )
  return { latest, tenants: changed.map(({ tenant_id }) => String(tenant_id)) }
}

/** A connection that has fallen silent is given up, not waited for. */
async function withConnection<T>(pool: Pool, use: (connection: PoolConnection) => Promise<T>): Promise<T> {
  const connection = await pool.getConnection()
  const timedOut = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    connection.destroy()
    const text = `the database has not told of changes for ${POLL_TIMEOUT_MS} ms`
    timedOut.reject(Object.assign(new Error(text), { code: 'ETIMEDOUT' }))
  }, POLL_TIMEOUT_MS)
  try {
    const result = await Promise.race([use(connection), timedOut.promise])
    connection.release()
    return result
  } catch (error) {
    connection.destroy()
    throw error
  } finally {
    clearTimeout(timer)
  }
}
