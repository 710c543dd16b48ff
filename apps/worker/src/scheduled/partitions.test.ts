import { SCHEMA_LOCK } from '@message-center/core/database/migrate.ts'
import { aloneWith } from '@message-center/core/database/named-lock.ts'
import { connectDatabase } from '@message-center/core/database/pool.ts'
import { listPartitions, monthStart, partitionName } from '@message-center/core/schema/partitions.ts'
import { SETTINGS, type Settings } from '@message-center/core/settings/definitions.ts'
import { readEnv } from '@message-center/core/settings/env.ts'
import { createLogger } from '@message-center/core/telemetry/logger.ts'
import { UPKEEP_METRICS } from '@message-center/core/telemetry/metric-definitions.ts'
import { createMetrics, type Metrics, registerMetrics } from '@message-center/core/telemetry/metrics.ts'
import { createTestDatabase, type TestDatabase } from '@message-center/devkit/testing/test-database.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { keepPartitions, type PartitionDependencies } from './partitions.ts'

let database: TestDatabase
let deps: PartitionDependencies
let registry: Metrics['registry']
beforeEach(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  const env = readEnv(database.variables)
  const defaults = Object.entries(SETTINGS).map(([key, { fallback }]) => [key, fallback(env)])
  const settings: Settings = { ...Object.fromEntries(defaults), retentionMonths: 11 }
  registry = createMetrics().registry
  deps = {
    pool: database.pool,
    connect: () => connectDatabase(env),
    settings: async () => settings,
    metrics: registerMetrics(registry, UPKEEP_METRICS),
    logger: createLogger('partitions-test', 'silent'),
  }
})
afterEach(() => database.remove())

const never = new AbortController().signal
const oldest = async () => (await listPartitions(database.pool, 'msg_message'))[0]
const monthBack = (months: number) => partitionName(monthStart(new Date(), -months))

test('it goes by the setting, tells people what it did, and the metrics how things stand', async () => {
  const gone = monthBack(12)
  expect(await keepPartitions(deps, never)).toBe(
    `added none; dropped msg_message.${gone}, msg_channel_task.${gone}; kept past its time none`,
  )
  expect(await keepPartitions(deps, never)).toBe('added none; dropped none; kept past its time none')
  const text = await registry.metrics()
  expect(text).toContain('message_center_partition_months_ahead{table="msg_message"} 3')
  expect(text).toContain('message_center_partition_catch_all_rows{table="msg_channel_task"} 0')
})

test('a clock that the database does not agree with drops nothing', async () => {
  const inTwoYears = new Date(Date.now() + 2 * 365 * 86_400_000)
  await expect(keepPartitions({ ...deps, now: () => inTwoYears }, never)).rejects.toThrow(/the clock here says/)
  expect(await oldest()).toBe(monthBack(12))
})

test('rows beyond the last month make the run fail, so that somebody looks', async () => {
  await database.pool.query(
    "INSERT INTO msg_message (message_id, tenant_id, business_type, business_data, create_time) VALUES ('x', 1, 'A', '{}', '2099-01-01')",
  )
  await expect(keepPartitions(deps, never)).rejects.toThrow(/msg_message has rows beyond its last month/)
  expect(await registry.metrics()).toContain('message_center_partition_catch_all_rows{table="msg_message"} 1')
})

test('beside a migration, or another process that is at it, it does nothing', async () => {
  const beside = await aloneWith(database.pool, SCHEMA_LOCK, async () => [await keepPartitions(deps, never)])
  expect(beside).toEqual([undefined])
  expect(await oldest()).toBe(monthBack(12))
})

test('a process that stops does not wait for a table that others hold, nor keep the lock', async () => {
  const holder = await deps.connect()
  await holder.query('START TRANSACTION')
  await holder.query('SELECT COUNT(*) FROM msg_message')
  const stopping = new AbortController()
  const connected = Promise.withResolvers<void>()
  const connect = async () => {
    const connection = await deps.connect()
    connected.resolve()
    return connection
  }
  const run = keepPartitions({ ...deps, connect }, stopping.signal)
  await connected.promise
  stopping.abort()
  await expect(run).rejects.toThrow(/the process stops/)
  // Still held: what follows does not depend on it.
  await until('the lock to be free', () => aloneWith(database.pool, SCHEMA_LOCK, async () => true))
  await holder.end()
})
