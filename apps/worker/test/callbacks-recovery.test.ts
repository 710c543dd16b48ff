import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RedisServer, startRedis } from '@message-center/devkit/services/redis.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { allFinal, sendMany } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { Redis } from 'ioredis'
import type { RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type CallbackReceiver, startCallbackReceiver } from './callback-receiver.ts'

const WITHOUT_CALLBACKS = { WORKER_QUEUES: 'pipeline,scheduled,LOCAL' }
const ONLY_CALLBACKS = { WORKER_QUEUES: 'callbacks' }

const folder = mkdtempSync(join(tmpdir(), 'callbacks-'))
let server: RedisServer
let receiver: CallbackReceiver
let system: TestSystem
/** Whether the receiver lets its callers wait. */
let hangs = false
beforeAll(async () => {
  server = await startRedis({ dir: folder })
  receiver = await startCallbackReceiver(() => (hangs ? 'hang' : 204))
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: server.url,
    workers: 0,
    variables: { CALLBACK_ALLOW_CIDRS: '127.0.0.1', SEND_TIMEOUT_MS: '2000' },
  })
})
afterAll(async () => {
  await system.stop()
  await receiver.close()
  await server.stop()
  rmSync(folder, { recursive: true })
})

async function withRedis(work: (redis: Redis) => Promise<unknown>): Promise<void> {
  const redis = new Redis(server.url)
  await work(redis)
  redis.disconnect()
}

async function post(tenantId: string, count: number): Promise<{ call: ApiCaller; ids: string[] }> {
  const call = system.caller({ tenantId })
  await createConfig(call, 'LOCAL')
  await createTemplate(call, 'ORDER', 'LOCAL')
  await call('POST', '/api/callback-secret')
  const attributes = { callbackUrl: `${receiver.origin}/` }
  return { call, ids: await sendMany(call, 'ORDER', `m${tenantId}`, count, { attributes }) }
}

async function states(tenantId: string): Promise<Record<string, number>> {
  const [rows] = await system.pool.query<RowDataPacket[]>(
    'SELECT callback_state AS state, COUNT(*) AS n FROM msg_message WHERE tenant_id = ? GROUP BY callback_state',
    [tenantId],
  )
  return Object.fromEntries(rows.map(({ state, n }) => [state, Number(n)]))
}

const allTold = (tenantId: string, count: number) =>
  until('all callbacks to be made', async () => (await states(tenantId)).DELIVERED === count)
/** How often each message was told. */
const timesTold = (ids: string[]) => ids.map((id) => receiver.of(id).length)

test('a worker killed -9 after the final status and before the callback: told all the same, once', async () => {
  const worker = await system.startWorker(WITHOUT_CALLBACKS)
  const { ids } = await post('811', 20)
  expect(await allFinal(system.pool, '811')).toEqual({ SUCCESS: 20 })
  await worker.stop('SIGKILL')
  // As if it had died before it could add a single job.
  await withRedis(async (redis) => {
    const keys = await redis.keys(`${system.variables.QUEUE_PREFIX}:callbacks:*`)
    if (keys.length > 0) await redis.del(keys)
  })
  expect(await states('811')).toEqual({ DUE: 20 })
  const next = await system.startWorker()
  await allTold('811', 20)
  expect(timesTold(ids)).toEqual(ids.map(() => 1))
  await next.stop()
})

test('killed -9 in the middle of a call, and Redis lost: called once more when the lease is over, as the same event', async () => {
  hangs = true
  const worker = await system.startWorker()
  const { ids } = await post('812', 1)
  const [id = ''] = ids
  await until('the call', () => receiver.of(id)[0])
  await worker.stop('SIGKILL')
  await withRedis((redis) => redis.flushall())
  hangs = false
  const next = await system.startWorker()
  await allTold('812', 1)
  const [first, second, ...more] = receiver.of(id)
  expect(more).toEqual([])
  expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id'])
  await next.stop()
})

test('Redis emptied with callbacks waiting and under way: each told, none twice', async () => {
  const others = await system.startWorker(WITHOUT_CALLBACKS)
  const { ids } = await post('813', 200)
  expect(await allFinal(system.pool, '813')).toEqual({ SUCCESS: 200 })
  const worker = await system.startWorker({ ...ONLY_CALLBACKS, CHANNEL_CONCURRENCY: '2' })
  await until('some to be told', () => timesTold(ids).filter((times) => times > 0).length >= 20)
  await withRedis((redis) => redis.flushall())
  await allTold('813', 200)
  expect(timesTold(ids)).toEqual(ids.map(() => 1))
  await Promise.all([others.stop(), worker.stop()])
})

test('SIGTERM while a receiver hangs: the try is given up and recorded, and the exit is 0', async () => {
  hangs = true
  const worker = await system.startWorker({ SEND_TIMEOUT_MS: '60000' })
  const { ids } = await post('814', 1)
  await until('the call', () => receiver.of(ids[0] ?? '')[0])
  expect(await worker.stop('SIGTERM')).toEqual({ code: 0, signal: null })
  const [rows] = await system.pool.query('SELECT callback_result FROM msg_message WHERE tenant_id = 814')
  expect(rows).toEqual([{ callback_result: 'no answer before this service stopped' }])
})
