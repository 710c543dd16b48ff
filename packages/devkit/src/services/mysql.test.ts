import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectDatabase } from '@message-center/core/database/pool.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ownerRecord } from '../../bin/lock-file.mjs'
import { type MysqlServer, startMysql } from './mysql.ts'

let dir: string
let mysql: MysqlServer

beforeAll(async () => {
  // As long as a Unix socket's path may not be.
  dir = join(mkdtempSync(join(tmpdir(), 'mysql-')), 'x'.repeat(120))
  mysql = await startMysql({ dir })
}, 300_000)
afterAll(async () => {
  await mysql.stop()
  expect(ownerRecord(mysql.pid).identity).toBeUndefined()
  rmSync(join(dir, '..'), { recursive: true, force: true, maxRetries: 5 })
})

async function query(sql: string): Promise<unknown> {
  const env = { databaseUrl: mysql.url, databaseSsl: 'off' as const, databaseSslCa: undefined }
  const connection = await connectDatabase(env, { database: false })
  try {
    const [rows] = await connection.query(sql)
    return rows
  } finally {
    await connection.end()
  }
}

test('keeps what is committed through kill -9 and restart, on the same port', async () => {
  await query('CREATE DATABASE kept')
  await query('CREATE TABLE kept.numbers (number INT PRIMARY KEY)')
  await query('INSERT INTO kept.numbers VALUES (42)')
  const { pid, url } = mysql
  process.kill(pid, 'SIGKILL')
  expect(await mysql.exited).toEqual({ code: null, signal: 'SIGKILL' })
  await mysql.restart()
  expect(mysql.pid).not.toBe(pid)
  expect(mysql.url).toBe(url)
  expect(await query('SELECT number FROM kept.numbers')).toEqual([{ number: 42 }])
})

test('is durable, speaks utf8mb4, takes 300 clients and listens on loopback only', async () => {
  const variables = [
    'innodb_flush_log_at_trx_commit',
    'character_set_server',
    'max_connections',
    'bind_address',
    'innodb_buffer_pool_size',
    'log_bin',
  ]
  const rows = await query(`SELECT ${variables.map((name) => `@@GLOBAL.${name} AS ${name}`).join(', ')}`)
  expect(rows).toMatchObject([
    {
      innodb_flush_log_at_trx_commit: '1',
      character_set_server: 'utf8mb4',
      max_connections: '300',
      bind_address: '127.0.0.1',
      innodb_buffer_pool_size: String(256 * 1024 * 1024),
      log_bin: '0',
    },
  ])
})

test('lets nobody in without its password, which only the owner can read', async () => {
  const { mode } = statSync(join(dir, 'password'))
  expect(mode & 0o077).toBe(0)
  const stranger = new URL(mysql.url)
  for (const [user, password] of [
    ['message_center', 'guess'],
    ['root', ''],
    ['', ''],
  ] as const) {
    Object.assign(stranger, { username: user, password })
    const env = { databaseUrl: stranger.href, databaseSsl: 'off' as const, databaseSslCa: undefined }
    await expect(connectDatabase(env, { database: false })).rejects.toThrow(/denied|not allowed/i)
  }
})

test('a second start with the same data uses it again', async () => {
  await query('CREATE DATABASE IF NOT EXISTS again')
  await mysql.stop()
  mysql = await startMysql({ dir })
  expect(await query("SHOW DATABASES LIKE 'again'")).toHaveLength(1)
})
