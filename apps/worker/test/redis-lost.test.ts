import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RedisServer, startRedis } from '@message-center/devkit/services/redis.ts'
import { allFinal, received, sendMany, shownTexts } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'redis-lost-'))
let server: RedisServer
let system: TestSystem
beforeAll(async () => {
  server = await startRedis({ dir: folder })
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: server.url,
    workers: 2,
    variables: { CHANNEL_CONCURRENCY: '8' },
  })
  await system.sandbox.client.settings({ latencyMs: 40 })
})
afterAll(async () => {
  await system.stop()
  await server.stop()
  rmSync(folder, { recursive: true })
})

async function withRedis<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(server.url)
  try {
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}

const robots = (tenantId: string) => [`ding-${tenantId}`, `wecom-${tenantId}`]

/** Posts 500 messages for two robots and resolves when some have arrived and most are waiting. */
async function fiveHundred(tenantId: string) {
  const call = system.caller({ tenantId })
  const [accessToken, key] = robots(tenantId)
  await createConfig(call, 'DINGTALK', { configJson: { mode: 'robot', accessToken } })
  await createConfig(call, 'WECHAT_WORK', { configJson: { mode: 'robot', key } })
  await createTemplate(call, 'ORDER', 'DINGTALK')
  await createTemplate(call, 'ORDER', 'WECHAT_WORK')
  await sendMany(call, 'ORDER', `m${tenantId}`, 500)
  await until('some to have arrived', async () => (await received(system.sandbox, key ?? '')).length >= 50)
  expect((await received(system.sandbox, key ?? '')).length).toBeLessThan(400)
}

/** Every message once at each robot; not even a copy that the provider dropped. */
async function expectEachOnce(tenantId: string) {
  for (const robot of robots(tenantId)) {
    expect((await shownTexts(system.sandbox, robot)).size).toBe(500)
    expect(await received(system.sandbox, robot)).toHaveLength(500)
  }
}

test('emptied by FLUSHALL with 500 messages waiting: all final, none lost, none sent twice', async () => {
  await fiveHundred('601')
  await withRedis((redis) => redis.flushall())
  expect(await allFinal(system.pool, '601')).toEqual({ SUCCESS: 500 })
  await expectEachOnce('601')
})

test('killed with -9 and started again in the middle: all final, none lost, none sent twice', async () => {
  await fiveHundred('602')
  await server.stop('SIGKILL')
  await server.restart()
  expect(await allFinal(system.pool, '602')).toEqual({ SUCCESS: 500 })
  await expectEachOnce('602')
})

test('cut off from every process in the middle: all final, none lost, none sent twice, every worker fit', async () => {
  await fiveHundred('606')
  await withRedis((redis) => redis.client('KILL', 'TYPE', 'NORMAL'))
  expect(await allFinal(system.pool, '606')).toEqual({ SUCCESS: 500 })
  await expectEachOnce('606')
  for (const { url } of system.workers) expect((await fetch(`${url}/health/live`)).status).toBe(200)
})

describe('the schedulers, which live in Redis as well', () => {
  const ALL_SCHEDULERS = ['advance-lines', 'books', 'clean-up', 'partitions', 'reconcile', 'refresh-tokens']
  const schedulers = () =>
    withRedis(async (redis) =>
      (await redis.zrange(`${system.variables.QUEUE_PREFIX}:scheduled:repeat`, '0', '-1')).toSorted(),
    )

  test('are made again after a loss, once however many workers there are, and go on', async () => {
    expect(await schedulers()).toEqual(ALL_SCHEDULERS)
    await withRedis((redis) => redis.flushall())
    await until('the schedulers', async () => (await schedulers()).length === ALL_SCHEDULERS.length)
    expect(await schedulers()).toEqual(ALL_SCHEDULERS)
  })

  test('a task that waits for an hour has its job again soon after a loss, not only when its hour has come', async () => {
    const call = system.caller({ tenantId: '605' })
    const limit = { rateLimitCount: 1, rateLimitUnit: 'HOUR', rateLimitWindow: 1, overflowPolicy: 'DEFER' }
    await createConfig(call, 'WECHAT_WORK', { configJson: { mode: 'robot', key: 'hourly' }, ...limit })
    await createTemplate(call, 'ORDER', 'WECHAT_WORK')
    await sendMany(call, 'ORDER', 'hourly', 2)
    const delayed = () =>
      withRedis((redis) => redis.zcard(`${system.variables.QUEUE_PREFIX}:channel.WECHAT_WORK:delayed`))
    await until('its job', async () => (await delayed()) === 1)
    await withRedis((redis) => redis.flushall())
    await until('its job again', async () => (await delayed()) === 1)
  })

  test('see to it that a message with sendAt waits, and is sent then, even when Redis was emptied meanwhile', async () => {
    const call = system.caller({ tenantId: '603' })
    await createConfig(call, 'WECHAT_WORK', { configJson: { mode: 'robot', key: 'at-its-time' } })
    await createTemplate(call, 'ORDER', 'WECHAT_WORK')
    const sendAt = new Date(Date.now() + 3_000)
    const [id = ''] = await sendMany(call, 'ORDER', 'later', 1, { attributes: { sendAt: sendAt.toISOString() } })
    await withRedis((redis) => redis.flushall())
    expect(await finalMessage(call, id)).toMatchObject({ status: 'SUCCESS' })
    const [arrival] = await received(system.sandbox, 'at-its-time')
    expect(arrival?.at).toBeGreaterThanOrEqual(sendAt.getTime())
  })
})

test('emptied with a limit used up: what was sent before still counts', async () => {
  const call = system.caller({ tenantId: '607' })
  const limit = { rateLimitCount: 5, rateLimitUnit: 'HOUR', rateLimitWindow: 1 }
  await createConfig(call, 'WECHAT_WORK', { configJson: { mode: 'robot', key: 'used-up' }, ...limit })
  await createTemplate(call, 'ORDER', 'WECHAT_WORK')
  await sendMany(call, 'ORDER', 'before', 5)
  expect(await allFinal(system.pool, '607')).toEqual({ SUCCESS: 5 })
  await withRedis((redis) => redis.flushall())
  await sendMany(call, 'ORDER', 'after', 3)
  expect(await allFinal(system.pool, '607')).toEqual({ SUCCESS: 5, FAILED: 3 })
  expect(await received(system.sandbox, 'used-up')).toHaveLength(5)
})

test('after all these losses every worker still takes its share', async () => {
  const call = system.caller({ tenantId: '604' })
  await createConfig(call, 'WECHAT_WORK', { configJson: { mode: 'robot', key: 'shared' } })
  await createTemplate(call, 'ORDER', 'WECHAT_WORK')
  const sentBy = async () =>
    Promise.all(
      system.workers.map(async ({ url }) => {
        const text = await (await fetch(`${url}/metrics`)).text()
        return Number(
          /provider_request_seconds_count\{channel="WECHAT_WORK",outcome="success"\} (\d+)/.exec(text)?.[1] ?? 0,
        )
      }),
    )
  const before = await sentBy()
  await sendMany(call, 'ORDER', 'share', 200)
  await allFinal(system.pool, '604')
  const after = await sentBy()
  for (const [index, count] of after.entries()) expect(count, `worker ${index + 1}`).toBeGreaterThan(before[index] ?? 0)
})

test('away when a worker is told to stop: it exits 0 all the same', async () => {
  await server.stop('SIGKILL')
  expect(await system.workers[0]?.stop('SIGTERM')).toEqual({ code: 0, signal: null })
  await server.restart()
})
