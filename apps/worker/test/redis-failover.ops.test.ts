import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PIPELINE_QUEUE } from '@message-center/core/queues/names.ts'
import { queuePrefix } from '@message-center/core/queues/queues.ts'
import type { RedisServer } from '@message-center/devkit/services/redis.ts'
import { type RedisCluster, startRedisCluster } from '@message-center/devkit/services/redis-cluster.ts'
import { startWatchedRedis, type WatchedRedis } from '@message-center/devkit/services/redis-sentinels.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { allFinal, sendMany, shownTexts } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'

const BATCHES = 20
const PER_BATCH = 100
const ROBOT = 'failover-robot'

/**
 * Posts batch after batch, and does something to Redis when a quarter is posted.
 * @returns the ids
 */
async function postUnderLoad(call: ApiCaller, disturb: () => Promise<unknown>): Promise<string[]> {
  const ids: string[] = []
  for (let batch = 0; batch < BATCHES; batch++) {
    if (batch === BATCHES / 4) await disturb()
    ids.push(...(await sendMany(call, 'ORDER', `load-${batch}`, PER_BATCH)))
  }
  return ids
}

async function setUpRobot(call: ApiCaller): Promise<void> {
  await createConfig(call, 'WECHAT_WORK', { configJson: { mode: 'robot', key: ROBOT } })
  await createTemplate(call, 'ORDER', 'WECHAT_WORK')
}

/** Each of them at the robot, and none of them twice. */
async function expectEachOnce(system: TestSystem, tenantId: string, ids: readonly string[]): Promise<void> {
  expect(await allFinal(system.pool, tenantId, 120_000)).toEqual({ SUCCESS: ids.length })
  const shown = await shownTexts(system.sandbox, ROBOT)
  expect(shown.size).toBe(ids.length)
  expect([...shown.values()].filter((times) => times > 1)).toEqual([])
  for (const { url } of system.workers) expect((await fetch(`${url}/health/live`)).status).toBe(200)
}

/** Every process answers that it is ready. */
async function allReady(system: TestSystem): Promise<void> {
  const urls = [...system.apis, ...system.workers].map(({ url }) => `${url}/health/ready`)
  await until('every process to be ready again', async () =>
    (await Promise.all(urls.map((url) => fetch(url)))).every(({ ok }) => ok),
  )
}

/** The master with the queue that everything passes. */
async function masterOfPipeline({ servers }: RedisCluster, { variables }: TestSystem): Promise<RedisServer> {
  const [first] = servers
  if (!first) throw new Error('a cluster without servers')
  const prefix = queuePrefix({ queuePrefix: variables.QUEUE_PREFIX ?? '', redisClusterNodes: ['any'] }, PIPELINE_QUEUE)
  return withServer(first, async (redis) => {
    const slot = await redis.cluster('KEYSLOT', prefix)
    const ranges = await redis.cluster('SLOTS')
    const [, , master] = ranges.find(([from, to]) => from <= slot && slot <= to) ?? []
    const found = servers.find(({ port }) => port === master?.[1])
    if (!found) throw new Error(`nobody has slot ${slot}`)
    return found
  })
}

async function withServer<T>(server: RedisServer, work: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(server.url)
  try {
    return await work(redis)
  } finally {
    redis.disconnect()
  }
}

describe('a master that sentinels watch', () => {
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

  async function master(): Promise<RedisServer> {
    return until('a master', () => watched.master())
  }

  /** Resolves when the sentinels have put another one in the place of a master that is gone, and the system has found it. */
  async function newMaster(former: RedisServer): Promise<RedisServer> {
    const found = await until('a new master', async () => {
      const current = await watched.master()
      return current !== undefined && current.port !== former.port ? current : undefined
    })
    await allReady(system)
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
    await setUpRobot(call)
    const killed = await master()
    const ids = await postUnderLoad(call, () => killed.stop('SIGKILL'))
    await newMaster(killed)
    ids.push(...(await sendMany(call, 'ORDER', 'after', PER_BATCH)))
    await expectEachOnce(system, '801', ids)
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
})

test('a master of a cluster killed with -9 under load: its replica takes over, every message arrives, none twice', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'redis-cluster-'))
  const cluster = await startRedisCluster({ dir: folder })
  const system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: cluster.servers[0]?.url ?? '',
    workers: 2,
  })
  try {
    const call = system.caller({ tenantId: '803' })
    await setUpRobot(call)
    const killed = await masterOfPipeline(cluster, system)
    const ids = await postUnderLoad(call, () => killed.stop('SIGKILL'))
    await allReady(system)
    ids.push(...(await sendMany(call, 'ORDER', 'after', PER_BATCH)))
    await expectEachOnce(system, '803', ids)
    await killed.restart()
  } finally {
    await system.stop()
    await cluster.stop()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})
