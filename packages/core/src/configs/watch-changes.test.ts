import { setImmediate } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { until } from '../../../devkit/src/testing/until.ts'
import { createDatabasePool } from '../database/pool.ts'
import { changeConfigs, LATEST_CHANGE_NUMBER } from './change.ts'
import { createTenantCache } from './tenant-cache.ts'
import { type ConfigChanges, watchChanges } from './watch-changes.ts'

let database: TestDatabase
const watchers: ConfigChanges[] = []

beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterEach(async () => {
  for (const watcher of watchers.splice(0)) await watcher.close()
})
afterAll(() => database.remove())

/** A watcher that has looked once, as one process has it. */
async function startWatcher() {
  const watcher = watchChanges(database.pool, () => {})
  watchers.push(watcher)
  await watcher.caughtUp()
  const heard: string[] = []
  watcher.subscribe((tenantId) => heard.push(tenantId))
  return { watcher, heard }
}

async function latestNumber(): Promise<number> {
  const [rows] = await database.pool.query(`SELECT ${LATEST_CHANGE_NUMBER} AS number`)
  return Number((rows as { number: string | null }[])[0]?.number ?? 0)
}

test('every watcher hears of every tenant that changed, however many change at once', async () => {
  const all = [await startWatcher(), await startWatcher()]
  const tenants = Array.from({ length: 40 }, (_, index) => String(100 + index))
  await Promise.all(tenants.map((tenantId) => changeConfigs(database.pool, tenantId, async () => {})))
  for (const { heard } of all) {
    await until('all tenants to be heard of', () => tenants.every((tenantId) => heard.includes(tenantId)))
  }
})

test('who waits for a number has heard of its change', async () => {
  const { watcher, heard } = await startWatcher()
  await changeConfigs(database.pool, '7', async () => {})
  await watcher.caughtUp(await latestNumber())
  expect(heard).toContain('7')
})

test('a change that commits late has the later number: nobody overlooks it', async () => {
  const { watcher, heard } = await startWatcher()
  const slow = Promise.withResolvers<void>()
  const entered = Promise.withResolvers<void>()
  const first = changeConfigs(database.pool, '1', async () => {
    entered.resolve()
    await slow.promise
  })
  await entered.promise
  const order: string[] = []
  const second = changeConfigs(database.pool, '2', async () => void order.push('second'))
  await watcher.caughtUp(await latestNumber())
  expect([...heard, ...order]).toEqual([])
  slow.resolve()
  await Promise.all([first, second])
  await watcher.caughtUp(await latestNumber())
  expect(heard.toSorted()).toEqual(['1', '2'])
})

test('a change that fails is none', async () => {
  const { watcher, heard } = await startWatcher()
  const before = await latestNumber()
  await expect(
    changeConfigs(database.pool, '1', async () => {
      throw new Error('refused')
    }),
  ).rejects.toThrow('refused')
  expect(await latestNumber()).toBe(before)
  await watcher.caughtUp(before)
  expect(heard).toEqual([])
})

test('numbers that go back, as after a restore, make everything stale', async () => {
  await changeConfigs(database.pool, '1', async () => {})
  const { heard } = await startWatcher()
  await database.pool.query('UPDATE msg_config_change SET change_number = change_number - 1 WHERE tenant_id = -1')
  await until('everybody to be stale', () => heard.includes('0'))
})

test('nothing cached is used while the database does not tell of changes', async () => {
  const away = createDatabasePool({
    databaseUrl: 'mysql://nobody@127.0.0.1:1/none',
    databaseSsl: 'off',
    databaseSslCa: undefined,
  })
  const errors: unknown[] = []
  const watcher = watchChanges(away, (error) => errors.push(error))
  watchers.push(watcher)
  const cached = createTenantCache(async () => ({ value: 1 }), watcher)
  await expect(cached('1', 'a')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await until('the failure to be told', () => errors.length > 0)
  await expect(cached('1', 'a')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await away.end()
})

test('a value that was being loaded while its tenant changed is not kept', async () => {
  const { watcher } = await startWatcher()
  const loads: PromiseWithResolvers<{ value: number }>[] = []
  const cached = createTenantCache(() => {
    const load = Promise.withResolvers<{ value: number }>()
    loads.push(load)
    return load.promise
  }, watcher)
  const during = cached('5', 'a')
  await until('the load', () => loads.length === 1)
  await changeConfigs(database.pool, '5', async () => {})
  await watcher.caughtUp(await latestNumber())
  loads[0]?.resolve({ value: 1 })
  expect(await during).toEqual({ value: 1 })
  const after = cached('5', 'a')
  await until('the second load', () => loads.length === 2)
  loads[1]?.resolve({ value: 2 })
  expect(await after).toEqual({ value: 2 })
  expect(await cached('5', 'a')).toEqual({ value: 2 })
  expect(loads.length).toBe(2)
})

test('look-ups at the same time share one load; one that failed is not kept', async () => {
  const { watcher } = await startWatcher()
  let loads = 0
  const cached = createTenantCache(async () => {
    loads++
    await setImmediate()
    if (loads === 1) throw new Error('not now')
    return { loads }
  }, watcher)
  const both = await Promise.allSettled([cached('6', 'a'), cached('6', 'a')])
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(await cached('6', 'a')).toEqual({ loads: 2 })
  expect(await cached('6', 'a')).toEqual({ loads: 2 })
})
