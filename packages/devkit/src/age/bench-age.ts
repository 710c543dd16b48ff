import { join } from 'node:path'
import { migrateDatabase } from '@message-center/core/database/migrate.ts'
import { connectDatabase } from '@message-center/core/database/pool.ts'
import type { Connection, RowDataPacket } from 'mysql2/promise'
import { setUpBenchTenant } from '../bench/bench-system.ts'
import { measureAccept } from '../bench/measure-accept.ts'
import { measureOurs } from '../bench/measure-end-to-end.ts'
import { measureIdleLatency } from '../bench/measure-idle-latency.ts'
import { startMysql } from '../services/mysql.ts'
import { startRedis } from '../services/redis.ts'
import { startTestSystem, type TestSystem } from '../testing/test-system.ts'
import { fillAgedData } from './aged-data.ts'
import { measureReads, type Times } from './measure-lists.ts'
import { measureUpkeep } from './measure-upkeep.ts'

/** The buffer pool is a small part of the data: most of what is old is on the disk, as in production. */
const SERVER_OPTIONS = ['--innodb-buffer-pool-size=2G', '--innodb-log-file-size=1G']
const FEW_MESSAGES = 200
const WARM_UP = 20_000

export interface AgeComparison {
  messages: number
  fillSeconds: number
  /** Milliseconds, or messages a second where it says so; by what was measured. */
  full: Times
  empty: Times
}

/**
 * How the system fares with millions of messages, beside the same server with a few.
 * @param folder where the servers keep their data; a database that was filled there before is filled up
 */
export async function benchAge(
  { messages, folder }: { messages: number; folder: string },
  say: (line: string) => void,
): Promise<AgeComparison> {
  const mysql = await startMysql({ dir: join(folder, 'mysql'), serverOptions: SERVER_OPTIONS })
  const redis = await startRedis({ dir: join(folder, 'redis') })
  try {
    const startedAt = performance.now()
    await prepareAged(mysql.url, messages, say)
    const fillSeconds = (performance.now() - startedAt) / 1000
    const urls = { databaseUrl: mysql.url, redisUrl: redis.url, apis: 1, workers: 1 }
    say('measuring with a few messages')
    const empty = await measured(await startTestSystem(urls))
    say(`measuring with ${messages} messages`)
    const full = await measured(await startTestSystem({ ...urls, variables: { DATABASE_URL: mysql.url } }))
    return { messages, fillSeconds, full, empty }
  } finally {
    await redis.stop()
    await mysql.stop()
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
    await setUpBenchTenant(system)
    // The pages that every new message needs are not the server's first concern after a start.
    await measureOurs(system, WARM_UP, system.variables.REDIS_URL ?? '')
    const idle = await measureIdleLatency(system, FEW_MESSAGES)
    const ours = await measureOurs(system, 5_000, system.variables.REDIS_URL ?? '')
    for (const worker of system.workers) await worker.stop()
    const accept = await measureAccept(system.apis[0]?.url ?? '', system.token(), { seconds: 10 })
    await system.pool.query('UPDATE msg_message SET due_time = NULL WHERE due_time IS NOT NULL')
    const call = system.caller({ roles: ['admin', 'viewer', 'operator'] })
    return {
      'idle: POST to provider, p50': idle.p50Ms,
      'end to end, three channels, messages/s': ours.perSecond,
      'accept, messages/s': accept.perSecond,
      'accept, p99': accept.p99Ms,
      ...(await measureReads(call, await someOldId(system))),
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
