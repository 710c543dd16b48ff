import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { Env } from '../settings/env.ts'
import { coalesceWrites } from './coalesce-writes.ts'

export type RedisEnv = Pick<Env, 'redisUrl' | 'redisClusterNodes' | 'redisSentinels' | 'redisSentinelName'> &
  Partial<Pick<Env, 'redisSentinelPassword'>>
export type RedisConnection = Redis | Cluster

const COMMAND_TIMEOUT_MS = 2_000
/** Half a minute of repeating: longer than a cluster with default settings takes to replace a master. */
const PATIENT_REDIRECTIONS = 300

/**
 * A connection for request paths: while Redis is away a command fails at once or within seconds; nothing waits in memory.
 * Connects by itself and again after a loss.
 */
export function createFailFastRedis(env: RedisEnv): RedisConnection {
  return connect(env, { enableOfflineQueue: false, maxRetriesPerRequest: 1, commandTimeout: COMMAND_TIMEOUT_MS })
}

/** A connection for BullMQ workers and subscribers: commands wait until Redis is back (BullMQ requires null here). */
export function createPatientRedis(env: RedisEnv): RedisConnection {
  return connect(env, { maxRetriesPerRequest: null })
}

/**
 * The servers that hold data: one, or each master of a cluster as far as they are known. For questions about a server itself:
 * a cluster answers those from any of its nodes.
 */
export function redisServers(redis: RedisConnection): Redis[] {
  return redis instanceof Cluster ? redis.nodes('master') : [redis]
}

function connect(env: RedisEnv, options: RedisOptions): RedisConnection {
  const redis = open(env, options)
  if (redis instanceof Cluster) redis.on('+node', coalesceWrites)
  else coalesceWrites(redis)
  return redis
}

function open(env: RedisEnv, options: RedisOptions): RedisConnection {
  const common: RedisOptions = {
    ...options,
    connectTimeout: 5_000,
    keepAlive: 10_000,
    retryStrategy: backoffMs,
    // A master that has become a replica: whoever is asked next for the address names the new one. 2: and say it again there.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
  }
  if (env.redisClusterNodes.length > 0) return connectCluster(env, common)
  if (env.redisSentinels.length > 0) return connectBySentinels(env, common)
  return new Redis(env.redisUrl ?? '', common)
}

function connectCluster(env: RedisEnv, options: RedisOptions): Cluster {
  const patient = options.maxRetriesPerRequest === null
  return new Cluster(env.redisClusterNodes.map(hostAndPort), {
    enableOfflineQueue: options.enableOfflineQueue,
    clusterRetryStrategy: backoffMs,
    // Until a replica has taken over from a master that is gone, a command is repeated every 100 ms.
    ...(patient ? { maxRedirections: PATIENT_REDIRECTIONS } : {}),
    // A certificate names the host that was configured; the nodes tell each other's addresses.
    ...(isEncrypted(env) ? { dnsLookup: (address, callback) => callback(null, address) } : {}),
    redisOptions: { ...options, ...credentials(env), ...(isEncrypted(env) ? { tls: {} } : {}) },
  })
}

function connectBySentinels(env: RedisEnv, options: RedisOptions): Redis {
  return new Redis({
    ...options,
    ...credentials(env),
    sentinels: env.redisSentinels.map(hostAndPort),
    name: env.redisSentinelName,
    sentinelPassword: env.redisSentinelPassword,
    sentinelRetryStrategy: backoffMs,
    // Leaves a master that the sentinels have replaced, also where its connection still stands.
    failoverDetector: true,
    ...(isEncrypted(env) ? { tls: {}, enableTLSForSentinelMode: true } : {}),
    db: Number(addressOf(env).pathname.slice(1) || 0),
  })
}

const backoffMs = (attempt: number) => Math.min(50 * 2 ** attempt, 1_000)

/** Beside a cluster or sentinels, REDIS_URL tells the rest: user, password, TLS and the database. */
function addressOf({ redisUrl }: RedisEnv): URL {
  return new URL(redisUrl ?? 'redis://localhost')
}

function isEncrypted(env: RedisEnv): boolean {
  return addressOf(env).protocol === 'rediss:'
}

function credentials(env: RedisEnv): RedisOptions {
  const { username, password } = addressOf(env)
  return {
    username: decodeURIComponent(username) || undefined,
    password: decodeURIComponent(password) || undefined,
  }
}

function hostAndPort(node: string): { host: string; port: number } {
  const split = node.lastIndexOf(':')
  return { host: node.slice(0, split).replace(/^\[|\]$/g, ''), port: Number(node.slice(split + 1)) }
}
