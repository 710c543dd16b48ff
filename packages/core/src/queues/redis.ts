import { Cluster, Redis, type RedisOptions } from 'ioredis'
import type { Env } from '../settings/env.ts'
import { coalesceWrites } from './coalesce-writes.ts'

export type RedisEnv = Pick<Env, 'redisUrl' | 'redisClusterNodes' | 'redisSentinels' | 'redisSentinelName'>
export type RedisConnection = Redis | Cluster

const COMMAND_TIMEOUT_MS = 2_000

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
    retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, 1_000),
  }
  const url = new URL(env.redisUrl ?? 'redis://localhost')
  const credentials: RedisOptions = {
    username: decodeURIComponent(url.username) || undefined,
    password: decodeURIComponent(url.password) || undefined,
  }
  if (env.redisClusterNodes.length > 0) {
    return new Cluster(env.redisClusterNodes.map(hostAndPort), {
      enableOfflineQueue: options.enableOfflineQueue,
      clusterRetryStrategy: common.retryStrategy,
      redisOptions: { ...common, ...credentials },
    })
  }
  if (env.redisSentinels.length > 0) {
    return new Redis({
      ...common,
      ...credentials,
      sentinels: env.redisSentinels.map(hostAndPort),
      name: env.redisSentinelName,
      db: Number(url.pathname.slice(1) || 0),
    })
  }
  return new Redis(env.redisUrl ?? '', common)
}

function hostAndPort(node: string): { host: string; port: number } {
  const split = node.lastIndexOf(':')
  return { host: node.slice(0, split), port: Number(node.slice(split + 1)) }
}
