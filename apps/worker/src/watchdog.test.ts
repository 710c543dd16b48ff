import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createQueues, type Queues } from '@message-center/core/queues/queues.ts'
import type { RedisConnection } from '@message-center/core/queues/redis.ts'
import { type Env, readEnv } from '@message-center/core/settings/env.ts'
import { createLogger } from '@message-center/core/telemetry/logger.ts'
import { UPKEEP_METRICS } from '@message-center/core/telemetry/metric-definitions.ts'
import { createMetrics, type Metrics, registerMetrics } from '@message-center/core/telemetry/metrics.ts'
import { type RedisServer, startRedis } from '@message-center/devkit/services/redis.ts'
import { connectedRedis } from '@message-center/devkit/testing/connected-redis.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createWorkerFactory } from './bull-worker.ts'
import type { Consumer } from './consumer.ts'
import { buildHealthServer } from './health-server.ts'
import { startWatchdog } from './watchdog.ts'

const LOOK_EVERY_MS = 50

const folder = mkdtempSync(join(tmpdir(), 'watchdog-'))
let server: RedisServer
/** May everything, whatever the default user is denied. */
let admin: Redis
beforeAll(async () => {
  server = await startRedis({ dir: folder })
  admin = new Redis(server.url, { maxRetriesPerRequest: null })
  await admin.call('ACL', 'SETUSER', 'admin', 'on', 'nopass', 'allkeys', 'allchannels', 'allcommands')
  await admin.call('AUTH', 'admin', 'any')
})
afterAll(async () => {
  admin.disconnect()
  await server.stop()
  rmSync(folder, { recursive: true })
})

/** What the processes may do; holds for open connections, too. */
const allow = (...rules: string[]) => admin.call('ACL', 'SETUSER', 'default', ...rules)

let env: Env
let redis: RedisConnection
let queues: Queues
let metrics: Metrics
let factory: ReturnType<typeof createWorkerFactory>
const logger = createLogger('watchdog-test', 'silent')
const closings: (() => unknown)[] = []
beforeEach(async () => {
  await admin.flushall()
  await admin.call('ACL', 'LOG', 'RESET')
  await allow('allcommands')
  env = readEnv({
    DATABASE_URL: 'mysql://nobody@localhost/nothing',
    REDIS_URL: server.url,
    CONFIG_ENCRYPTION_KEYS: `k:${Buffer.alloc(32).toString('base64')}`,
  })
  redis = await connectedRedis(env)
  queues = createQueues(env, admin, () => undefined)
  metrics = createMetrics()
  factory = createWorkerFactory(env, logger)
})
afterEach(async () => {
  await allow('allcommands')
  await factory.close()
  await queues.close()
  redis.disconnect()
  for (const close of closings.splice(0)) await close()
})

/** The watchdog with the health server that tells of it. */
function watch(consumers: readonly Consumer[] = factory.consumers) {
  const watchdog = startWatchdog({
    consumers,
    queues: queues.all(),
    redis,
    metrics: registerMetrics(metrics.registry, UPKEEP_METRICS),
    logger,
    lookEveryMs: LOOK_EVERY_MS,
  })
  const health = buildHealthServer({
    metricsToken: undefined,
    worker: () => ({ metrics, ready: async () => undefined, fault: watchdog.fault }),
    stopping: () => false,
  })
  closings.push(watchdog.stop, () => health.close())
  return {
    async live() {
      const { statusCode, body } = await health.inject('/health/live')
      return [statusCode, JSON.parse(body)]
    },
    async replaced(queue: string) {
      const text = await metrics.registry.metrics()
      return Number(new RegExp(`consumers_replaced_total\\{queue="${queue}"\\} (\\d+)`).exec(text)?.[1] ?? 0)
    },
  }
}

/** A consumer that notes the names of its jobs. */
function noting(queue: string, seen: string[] = []) {
  factory.createWorker(queue, 4, async (job) => void seen.push(job.name))
  return seen
}

/** A worker that has found nothing waits by this command. */
const isWaiting = () =>
  until('the worker to wait', async () => String(await admin.client('LIST')).includes('cmd=bzpopmin'))

describe('a consumer that stands still', () => {
  test('while the queue holds jobs is replaced, and the jobs are done', async () => {
    const seen = noting('pipeline')
    // BullMQ takes the refusal for an empty queue and asks again, without end.
    await allow('-bzpopmin')
    await until('the worker to be refused', async () => String(await admin.call('ACL', 'LOG')).includes('bzpopmin'))
    const { live, replaced } = watch()
    await queues.pipeline.add('forgotten', {})
    await until('the job to be done', () => seen.includes('forgotten'))
    expect(await replaced('pipeline')).toBeGreaterThan(0)
    expect(await live()).toEqual([200, { status: 'ok' }])
  })

  test('because its connections died without a word is replaced', async () => {
    const proxy = await startProxy(server.port)
    closings.push(proxy.close)
    factory = createWorkerFactory({ ...env, redisUrl: `redis://127.0.0.1:${proxy.port}` }, logger)
    const seen = noting('pipeline')
    await queues.pipeline.add('first', {})
    await until('the first job', () => seen.includes('first'))
    await isWaiting()
    proxy.swallow()
    watch()
    await queues.pipeline.add('second', {})
    await until('the second job', () => seen.includes('second'))
  })

  test('although it was replaced makes /health/live say so, and only until it moves again', async () => {
    const seen = noting('pipeline')
    await allow('-rpoplpush', '-zpopmin')
    const { live, replaced } = watch()
    await queues.pipeline.add('stuck', {}, { priority: 1 })
    const [, body] = await until('the process to be unfit', async () => {
      const answer = await live()
      return answer[0] === 503 && answer
    })
    expect(body.reason).toMatch(/^queue pipeline: 1 jobs are due, 4 slots are free, and none is taken/)
    expect(await replaced('pipeline')).toBeGreaterThan(1)
    await allow('allcommands')
    await until('the job to be done', () => seen.includes('stuck'))
    await until('the process to be fit', async () => (await live())[0] === 200)
  })

  test('and lets delayed jobs lie whose time has come is seen, too', async () => {
    noting('pipeline')
    await isWaiting()
    await allow('-bzpopmin', '-rpoplpush', '-zpopmin', '-zrangebyscore')
    const { live } = watch()
    await queues.pipeline.add('due for a minute', {}, { delay: 1_000, timestamp: Date.now() - 61_000 })
    await until('the process to be unfit', async () => (await live())[0] === 503)
  })
})

test('no alarm where nothing is due, where the queue is paused, where all slots are taken, where jobs are done', async () => {
  const [idle, paused, busy, brisk] = ['idle', 'paused', 'busy', 'brisk'].map((name) => queues.channel(name))
  if (!idle || !paused || !busy || !brisk) throw new Error('unreachable')
  const hanging = Promise.withResolvers<void>()
  noting(idle.name)
  noting(paused.name)
  factory.createWorker(busy.name, 2, () => hanging.promise)
  factory.createWorker(brisk.name, 2, async () => undefined)
  await paused.pause()
  await idle.add('later', {}, { delay: 3_600_000 })
  for (const queue of [paused, busy])
    await queue.addBulk(Array.from({ length: 5 }, () => ({ name: 'waits', data: {} })))
  await until('the slots to be taken', async () => (await busy.getActiveCount()) === 2)
  let feeding = true
  const feed = (async () => {
    while (feeding)
      await brisk.addBulk(
        Array.from({ length: 20 }, () => ({ name: 'quick', data: {}, opts: { removeOnComplete: true } })),
      )
  })()
  // Tells how often has been looked: nobody takes its job.
  let looks = 0
  const control = queues.channel('control')
  await control.add('nobody takes it', {})
  const nobody: Consumer = {
    queue: control.name,
    freeSlots: () => 1,
    moves: () => 0,
    worker: () => factory.createWorker('unused', 1, async () => undefined).worker(),
    replace: () => void looks++,
    close: async () => undefined,
  }
  const { replaced } = watch([...factory.consumers, nobody])
  await until('the control to be replaced again and again', () => looks >= 5)
  feeding = false
  await feed
  for (const { name } of [idle, paused, busy, brisk]) expect([name, await replaced(name)]).toEqual([name, 0])
  hanging.resolve()
})

test('while Redis is away the process is not called unfit', async () => {
  noting('pipeline')
  await allow('-rpoplpush', '-zpopmin')
  const { live } = watch()
  await queues.pipeline.add('stuck', {}, { priority: 1 })
  await until('the process to be unfit', async () => (await live())[0] === 503)
  redis.disconnect()
  await until('it to be called fit', async () => (await live())[0] === 200)
})

interface Proxy {
  port: number
  /** From now on open connections stay open and carry nothing; new ones work. */
  swallow(): void
  close(): Promise<void>
}

async function startProxy(target: number): Promise<Proxy> {
  const pairs: [Socket, Socket][] = []
  const listener: Server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    client.pipe(upstream).pipe(client)
    for (const socket of [client, upstream]) socket.on('error', () => undefined)
    pairs.push([client, upstream])
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  return {
    port: (listener.address() as AddressInfo).port,
    swallow() {
      for (const [client, upstream] of pairs) {
        client.unpipe(upstream)
        upstream.unpipe(client)
        client.resume()
        upstream.resume()
      }
    },
    async close() {
      for (const socket of pairs.flat()) socket.destroy()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}
