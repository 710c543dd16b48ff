import { join } from 'node:path'
import { migrateDatabase } from '@message-center/core/database/migrate.ts'
import { connectDatabase } from '@message-center/core/database/pool.ts'
import type { Connection, RowDataPacket } from 'mysql2/promise'
import {
  type Bench,
  BUILT_IN_CHANNELS,
  type Measured,
  setSettings,
  setUpTenant,
  startBenchSystem,
  THREE_CHANNELS,
} from '../bench/bench-system.ts'
import { acceptAlone, NO_LIMITS } from '../bench/measure-accept.ts'
import { runMessages } from '../bench/measure-end-to-end.ts'
import { measureOneByOne } from '../bench/measure-latency.ts'
import { amount } from '../bench/report.ts'
import { startMysql } from '../services/mysql.ts'
import { startRedis } from '../services/redis.ts'
import { createTestDataDir } from '../testing/test-data-dir.ts'
import type { TestSystem } from '../testing/test-system.ts'
import { fillAgedData } from './aged-data.ts'
import { measureReads, type Times } from './measure-lists.ts'
import { measureUpkeep } from './measure-upkeep.ts'

/** The buffer pool is a small part of the data: most of what is old is on the disk, as in production. */
const SERVER_OPTIONS = ['--innodb-buffer-pool-size=2G', '--innodb-log-file-size=1G']
const FEW_MESSAGES = 200
const WARM_UP = 20_000

/**
 * How the system fares with millions of messages, beside the same server with a few.
 * @param folder where the servers keep their data; a database that was filled there before is filled up. Default: nothing is kept
 */
export async function measureAge(
  { sandbox, quick }: Bench,
  { messages = quick ? 200_000 : 10_000_000, folder }: { messages: number | undefined; folder: string | undefined },
  say: (line: string) => void,
): Promise<Measured> {
  const temporary = folder === undefined ? createTestDataDir() : undefined
  const dir = folder ?? temporary?.path ?? ''
  const mysql = await startMysql({ dir: join(dir, 'mysql'), serverOptions: SERVER_OPTIONS })
  const redis = await startRedis({ dir: join(dir, 'redis') })
  try {
    const startedAt = performance.now()
    await prepareAged(mysql.url, messages, say)
    const fillSeconds = (performance.now() - startedAt) / 1000
    const bench = { services: { databaseUrl: mysql.url, redisUrl: redis.url }, sandbox }
    say('measuring with a few messages')
    const few = await measured(await startBenchSystem(bench))
    say(`measuring with ${messages} messages`)
    const many = await measured(await startBenchSystem(bench, { variables: { DATABASE_URL: mysql.url } }))
    const rows = Object.entries(many).map(([what, value]): [string, string] => {
      const other = few[what] ?? Number.NaN
      return [what, `${amount(value)}, with few ${amount(other)}; ratio ${amount(value / other)}`]
    })
    return {
      rows: [[`${messages} messages`, `filled in ${amount(fillSeconds)} s`], ...rows],
      results: { messages, fillSeconds, many, few },
    }
  } finally {
    await redis.stop()
    await mysql.stop()
    temporary?.remove()
  }
}

async function prepareAged(databaseUrl: string, messages: number, say: (line: string) => void): Promise<void> {
  const name = new URL(databaseUrl).pathname.slice(1)
  const env = { databaseUrl, databaseSsl: 'off' as const, databaseSslCa: undefined }
  const connection = await connectDatabase(env, { database: false })
  await connection.query(`CREATE DATABASE IF NOT EXISTS ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`)
  await connection.query(`USE ${name}`)
  await migrateDatabase(connection)
  await durable(connection, false)
  await fillAgedData(connection, {
    messages,
    onProgress: (done) => {
      if (done % 1_000_000 === 0) say(`${done} messages filled`)
    },
  })
  await durable(connection, true)
  // Of an earlier run, whose keys are gone.
  for (const table of ['msg_channel_config', 'msg_template']) await connection.query(`DELETE FROM ${table}`)
  await connection.end()
}

/** Filling need not wait for the disk; what is measured does. */
async function durable(connection: Connection, isDurable: boolean): Promise<void> {
  await connection.query('SET GLOBAL innodb_flush_log_at_trx_commit = ?', [isDurable ? 1 : 2])
}

async function measured(system: TestSystem): Promise<Times> {
  try {
    const call = await setUpTenant(system, [...THREE_CHANNELS, ...BUILT_IN_CHANNELS.slice(-1)])
    await setSettings(system, NO_LIMITS)
    // The pages that every new message needs are not the server's first concern after a start.
    await runMessages(system, call, WARM_UP, {})
    const idle = await measureOneByOne(system.sandbox, call, 'DINGTALK', FEW_MESSAGES)
    const { perSecond } = await runMessages(system, call, 5_000, {})
    for (const worker of system.workers) await worker.stop()
    const accepted = await acceptAlone(system, { connections: 64, seconds: 10 })
    await system.pool.query('UPDATE msg_message SET due_time = NULL WHERE due_time IS NOT NULL')
    const reader = system.caller({ roles: ['admin', 'viewer', 'operator'] })
    return {
      'idle: POST to provider, p50': idle.p50Ms,
      'end to end, three channels, messages/s': perSecond,
      'accept, messages/s': accepted.perSecond,
      'accept, p99': accepted.p99Ms,
      ...(await measureReads(reader, await someOldId(system))),
      ...(await measureUpkeep(system)),
    }
  } finally {
    await system.stop()
  }
}

/** A message of some weeks ago, or any. */
async function someOldId({ pool }: TestSystem): Promise<string> {
  const [[row]] = await pool.query<RowDataPacket[]>(
    `SELECT message_id FROM msg_message_key FORCE INDEX (ix_create_time)
     WHERE tenant_id = 1 AND create_time > UTC_TIMESTAMP() - INTERVAL 40 DAY ORDER BY create_time LIMIT 1`,
  )
  return String(row?.message_id)
}
