import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RedisServer } from '@message-center/devkit/services/redis.ts'
import { startWatchedRedis, type WatchedRedis } from '@message-center/devkit/services/redis-sentinels.ts'
import { allFinal, sendMany, shownTexts } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

const BATCHES = 20
const PER_BATCH = 100
const ROBOT = 'failover-robot'

const folder = mkdtempSync(join(tmpdir(), 'redis-failover-'))
let watched: WatchedRedis
let system: TestSystem
beforeAll(async () => {
  watched = await startWatchedRedis({ dir: folder })
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: watched.servers[0]?.url ?? '',
    apis: 2,
    workers: 2,
    variables: { REDIS_URL: '', REDIS_SENTINELS: watched.sentinels, REDIS_SENTINEL_NAME: watched.name },
  })
})
afterAll(async () => {
  await system.stop()
  await watched.stop()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

async function withServer<T>(server: RedisServer, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(server.url)
  try {
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}

async function master(): Promise<RedisServer> {
  return until('a master', () => watched.master())
}

/** Resolves when the sentinels have put another one in the place of a master that is gone, and the system has found it. */
async function newMaster(former: RedisServer): Promise<RedisServer> {
  const found = await until('a new master', async () => {
    const current = await watched.master()
    return current !== undefined && current.port !== former.port ? current : undefined
  })
  const urls = [...system.apis, ...system.workers].map(({ url }) => `${url}/health/ready`)
  await until('every process to be ready again', async () =>
    (await Promise.all(urls.map((url) => fetch(url)))).every(({ ok }) => ok),
  )
  return found
}

/** Starts a master that was killed once more, and resolves when it follows the one of now. */
async function bringBack(former: RedisServer): Promise<void> {
  await former.restart()
  await withServer(former, (redis) =>
    until('it to follow the new master', async () =>
      (await redis.info('replication')).includes('master_link_status:up'),
    ),
  )
}

test('master killed with -9 under load: every message accepted before, during and after arrives, none twice', async () => {
  const call = system.caller({ tenantId: '801' })
  await createConfig(call, 'WECHAT_WORK', { configJson: { mode: 'robot', key: ROBOT } })
  await createTemplate(call, 'ORDER', 'WECHAT_WORK')
  const killed = await master()
  const ids: string[] = []
  for (let batch = 0; batch < BATCHES; batch++) {
    if (batch === BATCHES / 4) await killed.stop('SIGKILL')
    ids.push(...(await sendMany(call, 'ORDER', `load-${batch}`, PER_BATCH)))
  }
  await newMaster(killed)
  ids.push(...(await sendMany(call, 'ORDER', 'after', PER_BATCH)))

  expect(await allFinal(system.pool, '801', 120_000)).toEqual({ SUCCESS: ids.length })
  const shown = await shownTexts(system.sandbox, ROBOT)
  expect(shown.size).toBe(ids.length)
  expect([...shown.values()].filter((times) => times > 1)).toEqual([])
  for (const { url } of system.workers) expect((await fetch(`${url}/health/live`)).status).toBe(200)
  await bringBack(killed)
})

test('a replica that lagged takes over: what it never heard of has its job again, though it is due in an hour only', async () => {
  const call = system.caller({ tenantId: '802' })
  const limit = { rateLimitCount: 1, rateLimitUnit: 'HOUR', rateLimitWindow: 1, overflowPolicy: 'DEFER' }
  await createConfig(call, 'WECHAT_WORK', { configJson: { mode: 'robot', key: 'hourly' }, ...limit })
  await createTemplate(call, 'ORDER', 'WECHAT_WORK')
  const killed = await master()
  const replicas = watched.servers.filter((server) => server !== killed)
  const delayed = (server: RedisServer) =>
    withServer(server, (redis) => redis.zcard(`${system.variables.QUEUE_PREFIX}:channel.WECHAT_WORK:delayed`))

  // Stopped, and cut off, they cannot hear of what comes now.
  for (const { pid } of replicas) process.kill(pid, 'SIGSTOP')
  await withServer(killed, (redis) => redis.client('KILL', 'TYPE', 'REPLICA'))
  await sendMany(call, 'ORDER', 'hourly', 2)
  await until('the job that waits', async () => (await delayed(killed)) === 1)
  await killed.stop('SIGKILL')
  for (const { pid } of replicas) process.kill(pid, 'SIGCONT')

  const promoted = await newMaster(killed)
  await until('its job again', async () => (await delayed(promoted)) === 1)
  await bringBack(killed)
})
