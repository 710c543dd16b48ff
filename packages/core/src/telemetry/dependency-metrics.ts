import { setTimeout as delay } from 'node:timers/promises'
import type { Pool } from 'mysql2/promise'
import type { Registry } from 'prom-client'
import { type RedisConnection, redisServers } from '../queues/redis.ts'
import { DEPENDENCY_METRICS } from './metric-definitions.ts'
import { type MetricsOf, registerMetrics } from './metrics.ts'

/** A scrape must not wait for what hangs. */
const PATIENCE_MS = 2_000

type DependencyMetrics = MetricsOf<typeof DEPENDENCY_METRICS>

/**
 * Gauges of MySQL and Redis as this process finds them, asked at each scrape, and of its connections.
 * @param pools by the name that they have in the label; `main` is the one that is asked
 */
export function exposeDependencies(
  registry: Registry,
  { redis, pools }: { redis: RedisConnection; pools: Readonly<Record<string, Pool> & { main: Pool }> },
): void {
  let reading: Promise<void> | undefined
  const refresh = (): Promise<void> => {
    reading ??= read().finally(() => {
      reading = undefined
    })
    return reading
  }
  const metrics = registerMetrics(registry, DEPENDENCY_METRICS, refresh)
  for (const [pool, { pool: driver }] of Object.entries(pools)) {
    metrics.waits.inc({ pool }, 0)
    driver.on('enqueue', () => metrics.waits.inc({ pool }))
  }

  async function read(): Promise<void> {
    for (const [name, pool] of Object.entries(pools)) tellPool(metrics, name, pool)
    metrics.ping.reset()
    await Promise.all([
      ask(metrics, 'mysql', () => pools.main.query('SELECT 1')),
      ask(metrics, 'redis', () => redis.ping()),
      tellRedis(metrics, redis),
    ])
  }
}

async function ask(metrics: DependencyMetrics, dependency: string, question: () => Promise<unknown>): Promise<void> {
  const startedAt = performance.now()
  // Whoever uses it tells why it does not answer; this tells only that.
  const answered = await inTime(question().then(() => true)).catch(() => false)
  metrics.up.set({ dependency }, Number(answered === true))
  if (answered === true) metrics.ping.set({ dependency }, (performance.now() - startedAt) / 1_000)
}

async function tellRedis(metrics: DependencyMetrics, redis: RedisConnection): Promise<void> {
  const texts = await inTime(Promise.all(redisServers(redis).map((server) => server.info()))).catch(() => undefined)
  const valueIn = (text: string, name: string) =>
    Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN)
  const field = (name: string) =>
    texts?.map((text) => valueIn(text, name)).reduce((sum, value) => sum + value, 0) ?? Number.NaN
  metrics.redisMemory.set(field('used_memory'))
  metrics.redisMaxMemory.set(field('maxmemory'))
  metrics.redisClients.set(field('connected_clients'))
}

/** The driver counts its connections in fields of its own and tells nobody. */
interface PoolFields {
  _allConnections: { length: number }
  _freeConnections: { length: number }
  _connectionQueue: { length: number }
  config: { connectionLimit: number }
}

function tellPool(metrics: DependencyMetrics, name: string, { pool }: Pool): void {
  const {
    _allConnections: all,
    _freeConnections: free,
    _connectionQueue: waiting,
    config,
  } = pool as Pool['pool'] & PoolFields
  metrics.connections.set({ pool: name, state: 'in_use' }, all.length - free.length)
  metrics.connections.set({ pool: name, state: 'idle' }, free.length)
  metrics.connectionLimit.set({ pool: name }, config.connectionLimit)
  metrics.waiting.set({ pool: name }, waiting.length)
}

/** @returns undefined where it takes too long */
async function inTime<T>(work: Promise<T>): Promise<T | undefined> {
  const tooLate = new AbortController()
  try {
    return await Promise.race([work, delay(PATIENCE_MS, undefined, { ref: false, signal: tooLate.signal })])
  } finally {
    tooLate.abort()
    work.catch(() => undefined)
  }
}
