import { Registry } from 'prom-client'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { until } from '../../../devkit/src/testing/until.ts'
import { createDatabasePool } from '../database/pool.ts'
import { createFailFastRedis } from '../queues/redis.ts'
import { readEnv } from '../settings/env.ts'
import { exposeDependencies } from './dependency-metrics.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

test('connections in use, idle and waited for are told by pool; MySQL and Redis by whether they answer', async () => {
  const env = readEnv(database.variables)
  const [redis, small] = [createFailFastRedis(env), createDatabasePool(env, 2)]
  const registry = new Registry()
  exposeDependencies(registry, { redis, pools: { main: database.pool, small } })
  const read = async () => {
    const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    return Object.fromEntries(lines.map((line) => line.replace('message_center_', '').split(' ')))
  }
  await until('Redis', () => redis.status === 'ready')
  const taken = await Promise.all([small.getConnection(), small.getConnection()])
  const third = small.getConnection()
  expect(await read()).toMatchObject({
    'database_connections{pool="small",state="in_use"}': '2',
    'database_connections{pool="small",state="idle"}': '0',
    'database_connection_limit{pool="small"}': '2',
    'database_waiting{pool="small"}': '1',
    'database_waits_total{pool="small"}': '1',
    'database_waits_total{pool="main"}': '0',
    'dependency_up{dependency="mysql"}': '1',
    'dependency_up{dependency="redis"}': '1',
    redis_memory_used_bytes: expect.stringMatching(/^\d+$/),
  })
  for (const connection of taken) connection.release()
  ;(await third).release()
  redis.disconnect()
  const after = await read()
  expect(after).toMatchObject({
    'database_connections{pool="small",state="idle"}': '2',
    'dependency_up{dependency="mysql"}': '1',
    'dependency_up{dependency="redis"}': '0',
  })
  expect(after).not.toHaveProperty('dependency_ping_seconds{dependency="redis"}')
  await small.end()
})
