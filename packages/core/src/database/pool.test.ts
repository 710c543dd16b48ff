import type { RowDataPacket } from 'mysql2/promise'
import { expect, inject, test } from 'vitest'
import { createDatabasePool, endPool } from './pool.ts'

test('a pool is closed without complaint where the server cuts off a connection that still has something under way', async () => {
  const databaseUrl = Object.assign(new URL(inject('databaseUrl')), { pathname: '/' }).href
  const env = { databaseUrl, databaseSsl: 'off' as const, databaseSslCa: undefined }
  const [pool, other] = [createDatabasePool(env, 1), createDatabasePool(env, 1)]
  const connection = await pool.getConnection()
  const underWay = connection.query('SELECT SLEEP(30)').catch((error: unknown) => error)
  connection.release()
  const ended = endPool(pool)
  await other.query('KILL ?', [connection.threadId])
  expect(await ended).toBeUndefined()
  expect(await underWay).toBeInstanceOf(Error)
  await endPool(other)
})

test('a process that stands still in a transaction is cut off by the server, with what it has locked, within 10 s', async () => {
  const databaseUrl = Object.assign(new URL(inject('databaseUrl')), { pathname: '/' }).href
  const pool = createDatabasePool({ databaseUrl, databaseSsl: 'off', databaseSslCa: undefined })
  const [[row]] = await pool.query<RowDataPacket[]>('SELECT @@session.wait_timeout AS seconds')
  expect(Number(row?.seconds)).toBe(10)
  await endPool(pool)
})
