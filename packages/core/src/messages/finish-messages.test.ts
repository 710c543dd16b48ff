import type { Pool } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { storeDispatched } from '../../../devkit/src/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { finishMessages } from './message-status.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

/** The database for two who look at the same moment: neither goes on before both have seen what there is. */
function lookingTogether(pool: Pool): Pool {
  const both = Promise.withResolvers<void>()
  let looked = 0
  return new Proxy(pool, {
    get(target, name) {
      const value = Reflect.get(target, name)
      if (name !== 'query') return typeof value === 'function' ? value.bind(target) : value
      return async (sql: string, values: unknown[]) => {
        const answer = await target.query(sql, values)
        if (!sql.includes('STRAIGHT_JOIN')) return answer
        looked += 1
        if (looked === 2) both.resolve()
        await both.promise
        return answer
      }
    },
  })
}

test.each([1, 2, 40])('two who find %i messages ended at the same moment: each message is told once', async (count) => {
  const tasks = await storeDispatched(database.pool, count)
  const ids = tasks.map(({ messageId }) => messageId)
  await database.pool.query("UPDATE msg_channel_task SET status = 'SUCCESS' WHERE message_id IN (?)", [ids])
  const pool = lookingTogether(database.pool)
  const told = await Promise.all([tasks, tasks.toReversed()].map((refs) => finishMessages(pool, refs, () => 0)))
  expect(
    told
      .flat()
      .map(({ messageId }) => messageId)
      .toSorted(),
  ).toEqual([...new Set(ids)].toSorted())
  expect(told.flat().every(({ status }) => status === 'SUCCESS')).toBe(true)
})
