import { setTimeout as delay } from 'node:timers/promises'
import { connectDatabase } from '@message-center/core/database/pool.ts'
import type { Connection, RowDataPacket } from 'mysql2/promise'
import type { Random } from '../random.ts'
import type { Rig } from '../rig.ts'
import { diskFull } from './disk-full.ts'
import type { FaultKind } from './fault-kind.ts'
import { restartIfEnded, restartServer } from './restart-server.ts'

const TARGET = 'mysql'
/** The least that MariaDB takes. */
const FEW_CONNECTIONS = 10
const OPEN_MESSAGES = `SELECT id FROM msg_message WHERE status IN ('PENDING', 'PROCESSING') ORDER BY id DESC LIMIT 200`
const NEWEST_TASKS = 'SELECT id, create_time FROM msg_channel_task ORDER BY id DESC LIMIT 200'

export const mysqlKill: FaultKind = {
  name: 'mysql-kill',
  lastsMs: 25_000,
  aim(random, { mysql }) {
    const awayMs = random.between(0, 3_000)
    return {
      target: TARGET,
      detail: `kill -9, away for ${(awayMs / 1000).toFixed(1)} s`,
      async inject() {
        await mysql.stop('SIGKILL')
        await delay(awayMs)
        await restartServer(mysql)
      },
    }
  },
}

/** Half the time by its limit of connections, half the time as a proxy in front of it does that has no server left. */
export const mysqlRefuse: FaultKind = {
  name: 'mysql-refuse',
  lastsMs: 10_000,
  aim(random, rig) {
    const ms = random.between(3_000, 8_000)
    const told = `for ${(ms / 1000).toFixed(1)} s`
    return random.chance(0.5)
      ? { target: TARGET, detail: `too many connections ${told}`, inject: () => limitConnections(rig, ms) }
      : { target: TARGET, detail: `every way to it refuses ${told}`, inject: () => refuseEverywhere(rig, ms) }
  },
}

async function limitConnections(rig: Rig, ms: number): Promise<void> {
  await withSession(rig, async (session) => {
    const [[row]] = await session.query<RowDataPacket[]>(
      'SELECT @@GLOBAL.max_connections AS most, CONNECTION_ID() AS me',
    )
    const [others] = await session.query<RowDataPacket[]>(
      "SELECT id FROM information_schema.processlist WHERE user = SUBSTRING_INDEX(CURRENT_USER(), '@', 1) AND id <> ?",
      [row?.me],
    )
    await session.query('SET GLOBAL max_connections = ?', [FEW_CONNECTIONS])
    try {
      // One of them may have ended meanwhile.
      for (const { id } of others) await session.query('KILL ?', [id]).catch(() => undefined)
      await delay(ms)
    } finally {
      await session.query('SET GLOBAL max_connections = ?', [Number(row?.most)])
    }
  })
}

async function refuseEverywhere({ ways }: Rig, ms: number): Promise<void> {
  const toMysql = ways.filter(({ name }) => name.endsWith('→mysql'))
  await Promise.all(toMysql.map(({ proxy }) => proxy.setWeather({ kind: 'refuse' })))
  await delay(ms)
  await Promise.all(toMysql.map(({ proxy }) => proxy.setWeather({ kind: 'clear' })))
}

/** Another session has locks on what the system works on: waits that run out, then transactions in the opposite order. */
export const mysqlLocks: FaultKind = {
  name: 'mysql-locks',
  lastsMs: 14_000,
  aim(random, rig) {
    const ms = random.between(5_500, 8_000)
    return {
      target: TARGET,
      detail: `rows locked for ${(ms / 1000).toFixed(1)} s, then deadlocks`,
      inject: () =>
        withSession(rig, async (session) => {
          await holdLocks(session, ms)
          await seekDeadlocks(session, random)
        }),
    }
  },
}

async function holdLocks(session: Connection, ms: number): Promise<void> {
  await session.query('START TRANSACTION')
  await session.query(`${OPEN_MESSAGES} FOR UPDATE`).catch(ignoreLockConflict)
  await session.query(`${NEWEST_TASKS} FOR UPDATE`).catch(ignoreLockConflict)
  await delay(ms)
  await session.query('ROLLBACK')
}

async function seekDeadlocks(session: Connection, random: Random): Promise<void> {
  for (let round = 0; round < 20; round++) {
    await session.query('START TRANSACTION')
    const [rows] = await session.query<RowDataPacket[]>(NEWEST_TASKS)
    try {
      // The system goes in the order of keys; this one the other way.
      for (const { id, create_time: createTime } of rows.slice(0, 40)) {
        await session.query('SELECT id FROM msg_channel_task WHERE id = ? AND create_time = ? FOR UPDATE', [
          id,
          createTime,
        ])
      }
      await delay(random.between(10, 100))
    } catch (error) {
      ignoreLockConflict(error)
    }
    await session.query('ROLLBACK')
  }
}

function ignoreLockConflict(error: unknown): void {
  const lost = error instanceof Error && 'errno' in error && (error.errno === 1205 || error.errno === 1213)
  if (!lost) throw error
}

export const mysqlDiskFull = diskFull({
  server: TARGET,
  lastsMs: 30_000,
  fullMs: [5_000, 10_000],
  restart: ({ mysql }) => restartIfEnded(mysql),
})

async function withSession(rig: Rig, work: (session: Connection) => Promise<void>): Promise<void> {
  const session = await connectDatabase({ databaseUrl: rig.databaseUrl, databaseSsl: 'off', databaseSslCa: undefined })
  // A connection that breaks says so by the query that fails.
  session.on('error', () => undefined)
  try {
    await work(session)
  } finally {
    session.destroy()
  }
}
