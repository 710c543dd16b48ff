import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { until } from '../../../devkit/src/testing/until.ts'
import { aloneWith, takeNamedLock } from './named-lock.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

test('of several at once one runs, the others do nothing; afterwards the next one may', async () => {
  let runs = 0
  const enough = Promise.withResolvers<void>()
  const work = async () => {
    runs++
    await enough.promise
    return 'done'
  }
  const first = aloneWith(database.pool, 'several', work)
  await until('the first to run', () => runs === 1)
  expect(await aloneWith(database.pool, 'several', work)).toBeUndefined()
  expect(await aloneWith(database.pool, 'another name', async () => 'not in the way')).toBe('not in the way')
  enough.resolve()
  expect(await first).toBe('done')
  expect(await aloneWith(database.pool, 'several', work)).toBe('done')
  expect(runs).toBe(2)
})

test('what throws gives the lock back', async () => {
  const failing = aloneWith(database.pool, 'failing', async () => {
    throw new Error('no')
  })
  await expect(failing).rejects.toThrow('no')
  await until('the lock to be free', () => aloneWith(database.pool, 'failing', async () => true))
})

test('a holder that has fallen silent, as a process that stands still, loses the lock', async () => {
  const silent = await database.pool.getConnection()
  await takeNamedLock(silent, 'silent', 0)
  expect(await aloneWith(database.pool, 'silent', async () => true)).toBeUndefined()
  await silent.query('SET SESSION wait_timeout = 1')
  await until('the lock to be free', () => aloneWith(database.pool, 'silent', async () => true))
  silent.destroy()
})
