import { createFailFastRedis, type RedisConnection, type RedisEnv } from '@message-center/core/queues/redis.ts'
import { until } from './until.ts'

/** A connection of a request path that stands already: until it does, it refuses commands. */
export async function connectedRedis(env: RedisEnv): Promise<RedisConnection> {
  const redis = createFailFastRedis(env)
  await until('the connection to Redis', () => redis.status === 'ready')
  return redis
}
