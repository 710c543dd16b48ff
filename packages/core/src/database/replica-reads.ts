import { setTimeout as delay } from 'node:timers/promises'
import type { Pool, RowDataPacket } from 'mysql2/promise'
import { isDatabaseUnavailable } from './unavailable.ts'

/** Runs a read that may take the replica. */
export type ReplicaReads = <T>(read: (pool: Pool) => Promise<T>) => Promise<T>

/** A replica that is behind is waited for so long: usually it lags by milliseconds. */
const CATCH_UP_MS = 300
/** A server that answers nothing at all is given up. */
const SILENCE_MS = 1_000
/** One that was behind, or away, is left alone for so long. */
const REST_MS = 5_000

/**
 * Reads from the replica whatever the primary had committed when the read began, by its GTIDs: who has just posted a message
 * finds it, whichever process took it. A replica that is away, or does not catch up at once, is passed over; where the primary
 * is away, the replica tells what it has. Without GTIDs nobody can tell how far behind it is: then the primary is asked.
 * @param onPassedOver told why, each time a rest begins
 */
export function createReplicaReads(deps: {
  primary: Pool
  replica: Pool
  onPassedOver(reason: unknown): void
}): ReplicaReads {
  const { primary, replica, onPassedOver } = deps
  let restsUntil = Number.NEGATIVE_INFINITY
  let isMariaDb: boolean | undefined
  const rest = (reason: unknown) => {
    restsUntil = performance.now() + REST_MS
    onPassedOver(reason)
  }

  /** The GTIDs of all that the primary has committed, in its own way of writing. */
  async function position(): Promise<string> {
    if (isMariaDb === undefined) {
      const [[server]] = await primary.query<RowDataPacket[]>('SELECT VERSION() AS version')
      isMariaDb = /mariadb/i.test(server?.version)
    }
    const variable = isMariaDb ? 'gtid_current_pos' : 'gtid_executed'
    const [[row]] = await primary.query<RowDataPacket[]>(`SELECT @@GLOBAL.${variable} AS gtids`)
    return row?.gtids ?? ''
  }

  return async (read) => {
    if (performance.now() < restsUntil) return read(primary)
    const gtids = await position().catch((error: unknown) => {
      if (isDatabaseUnavailable(error)) return 'primary is away' as const
      throw error
    })
    if (gtids !== 'primary is away') {
      const fault = await inTime(behind(replica, gtids, isMariaDb === true)).catch((error: unknown) => error)
      if (fault !== undefined) {
        rest(fault)
        return read(primary)
      }
    }
    try {
      return await read(replica)
    } catch (error) {
      if (!isDatabaseUnavailable(error)) throw error
      rest(error)
      return read(primary)
    }
  }
}

/** @returns why the replica cannot be read from; undefined where it holds all that these name */
async function behind(replica: Pool, gtids: string, isMariaDb: boolean): Promise<Error | undefined> {
  if (gtids === '') return new Error('the primary writes no GTIDs: nobody knows how far behind the replica is')
  const wait = isMariaDb ? 'MASTER_GTID_WAIT(?, ?)' : 'WAIT_FOR_EXECUTED_GTID_SET(?, ?)'
  const [[row]] = await replica.query<RowDataPacket[]>(`SELECT ${wait} AS late`, [gtids, CATCH_UP_MS / 1_000])
  return Number(row?.late) === 0 ? undefined : new Error(`the replica is more than ${CATCH_UP_MS} ms behind`)
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  const stop = new AbortController()
  const silence = delay(SILENCE_MS, undefined, { signal: stop.signal }).then(() => {
    throw new Error(`the replica has not answered within ${SILENCE_MS} ms`)
  })
  try {
    return await Promise.race([answer, silence])
  } finally {
    stop.abort()
    // Whichever came too late.
    answer.catch(() => undefined)
    silence.catch(() => undefined)
  }
}
