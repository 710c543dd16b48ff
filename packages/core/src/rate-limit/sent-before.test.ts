import type { Pool } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { planned, storePending } from '../../../devkit/src/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { dispatchMessages } from '../messages/dispatch.ts'
import { createSentBefore } from './sent-before.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

const CONFIGS = Array.from({ length: 40 }, (_, index) => ({ id: String(index + 1), tenantId: String(1 + (index % 2)) }))

/** Tells how many statements there were, and how many of them at once. */
function counting(pool: Pool) {
  const counts = { statements: 0, atOnce: 0, most: 0 }
  const query = async (sql: string, values: unknown[]) => {
    counts.statements += 1
    counts.atOnce += 1
    counts.most = Math.max(counts.most, counts.atOnce)
    return pool.query(sql, values).finally(() => {
      counts.atOnce -= 1
    })
  }
  const counted = new Proxy(pool, {
    get: (target, name) => (name === 'query' ? query : Reflect.get(target, name, target)),
  })
  return { counts, pool: counted }
}

test('what all configs have sent within their windows is looked up together, one statement at a time', async () => {
  const configs = CONFIGS.map(({ id, tenantId }) => [id, tenantId, 'LOCAL', `config ${id}`, '{}'])
  await database.pool.query(
    'INSERT INTO msg_channel_config (id, tenant_id, channel_type, channel_name, config_json) VALUES ?',
    [configs],
  )
  for (const { id, tenantId } of CONFIGS.slice(0, 4)) {
    const refs = await storePending(database.pool, Number(id), { tenantId })
    await dispatchMessages(
      database.pool,
      refs.map((ref) => planned(ref, [{ configId: id }])),
    )
  }
  await database.pool.query(
    `UPDATE msg_channel_task SET attempts = '[{}, {}]', status = IF(channel_config_id = 3, 'SENDING', 'RETRY')`,
  )
  // Of the fourth, two have not moved for longer than the shorter window.
  await database.pool.query(
    'UPDATE msg_channel_task SET update_time = UTC_TIMESTAMP() - INTERVAL 1 HOUR WHERE channel_config_id = 4 ORDER BY id LIMIT 2',
  )
  const { counts, pool } = counting(database.pool)
  const sentBefore = createSentBefore(pool)
  const windows = [60_000, 7_200_000]
  const asked = windows.flatMap((windowMs) =>
    CONFIGS.map(({ id }) => sentBefore({ configId: id, count: 100, windowMs })),
  )
  const [short, long] = [(await Promise.all(asked)).slice(0, 40), (await Promise.all(asked)).slice(40)]
  expect(short).toEqual([2, 4, 9, 4, ...Array(36).fill(0)])
  expect(long).toEqual([2, 4, 9, 8, ...Array(36).fill(0)])
  expect(counts).toMatchObject({ statements: 2, most: 1 })
})
