import type { RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { inTransaction } from './transaction.ts'
import { isDatabaseUnavailable } from './unavailable.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  await database.pool.query('CREATE TABLE counter (id INT PRIMARY KEY, n INT NOT NULL) ENGINE=InnoDB')
})
afterAll(() => database.remove())
beforeEach(() => database.pool.query('REPLACE INTO counter VALUES (1, 0), (2, 0)'))

async function counters(): Promise<number[]> {
  const [rows] = await database.pool.query<RowDataPacket[]>('SELECT n FROM counter ORDER BY id')
  return rows.map(({ n }) => n)
}

test('two transactions that deadlock both come through: the loser is run again from the start', async () => {
  let runs = 0
  const bothHold = Promise.withResolvers<void>()
  let holding = 0
  const add = (first: number, second: number) =>
    inTransaction(database.pool, async (connection) => {
      runs++
      await connection.query('UPDATE counter SET n = n + 1 WHERE id = ?', [first])
      if (++holding === 2) bothHold.resolve()
      await bothHold.promise
      await connection.query('UPDATE counter SET n = n + 1 WHERE id = ?', [second])
    })
  await Promise.all([add(1, 2), add(2, 1)])
  expect(runs).toBe(3)
  expect(await counters()).toEqual([2, 2])
})

test('what throws is rolled back, is not run again, and leaves its connection usable', async () => {
  let runs = 0
  const failing = inTransaction(database.pool, async (connection) => {
    runs++
    await connection.query('UPDATE counter SET n = 7')
    throw new Error('no')
  })
  await expect(failing).rejects.toThrow('no')
  expect([runs, await counters()]).toEqual([1, [0, 0]])
})

test('a connection that is lost on the way counts as an unavailable database, and is not used again', async () => {
  const lost = inTransaction(database.pool, async (connection) => {
    await connection.query('UPDATE counter SET n = 7')
    await database.pool.query('KILL ?', [connection.threadId])
    await connection.query('SELECT 1')
  })
  expect(isDatabaseUnavailable(await lost.catch((error) => error))).toBe(true)
  expect(await counters()).toEqual([0, 0])
})

test('a mistake in a statement does not count as an unavailable database', async () => {
  const wrong = await database.pool.query('SELECT nothing FROM nowhere').catch((error) => error)
  expect(isDatabaseUnavailable(wrong)).toBe(false)
  expect(isDatabaseUnavailable(new TypeError('x is not a function'))).toBe(false)
  expect(isDatabaseUnavailable('text')).toBe(false)
})

test('sessions are in UTC, strict, and READ COMMITTED; 64-bit integers come as strings', async () => {
  const [rows] = await database.pool.query<RowDataPacket[]>(
    `SELECT @@session.time_zone AS zone, @@session.sql_mode AS mode,
       CAST('9223372036854775807' AS SIGNED) AS big, TIMESTAMP('2026-01-01 00:00:00') AS time`,
  )
  expect(rows[0]).toMatchObject({ zone: '+00:00', big: '9223372036854775807', time: new Date('2026-01-01T00:00:00Z') })
  expect(rows[0]?.mode).toContain('STRICT_ALL_TABLES')
  // MariaDB 10.11 and MySQL call it differently.
  const [isolation] = await database.pool.query<RowDataPacket[]>(
    "SHOW VARIABLES WHERE Variable_name IN ('tx_isolation', 'transaction_isolation')",
  )
  expect(isolation.map((row) => row.Value)).toEqual(['READ-COMMITTED'])
})
