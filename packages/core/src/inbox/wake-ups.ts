import { createPatientRedis, type RedisConnection } from '../queues/redis.ts'
import type { Env } from '../settings/env.ts'

/** One for all tenants: a cluster of Redis hands each message to all of its nodes anyway. */
const channelOf = ({ queuePrefix }: Pick<Env, 'queuePrefix'>) => `${queuePrefix}:inbox`

/**
 * Tells every API process, right after a commit, whose inboxes have something new. Waits for nothing: a wake-up that is
 * lost costs a second or two, for the processes look by themselves as well.
 */
export function createAnnouncer(
  env: Env,
  redis: RedisConnection,
  onError: (error: unknown) => void,
): (tenantIds: string[]) => void {
  return (tenantIds) => void redis.publish(channelOf(env), tenantIds.join()).catch(onError)
}

/**
 * Hears of new deliveries, on a connection of its own that comes back by itself.
 * @param onDelivered told the tenants
 * @returns ends it
 */
export function hearOfDeliveries(
  env: Env,
  onDelivered: (tenantIds: string[]) => void,
  onError: (error: unknown) => void,
): () => void {
  const redis = createPatientRedis(env)
  let closed = false
  const unlessClosed = (error: unknown) => {
    if (!closed) onError(error)
  }
  redis.on('error', unlessClosed)
  redis.on('message', (_channel: string, tenantIds: string) => onDelivered(tenantIds.split(',')))
  redis.subscribe(channelOf(env)).catch(unlessClosed)
  return () => {
    closed = true
    redis.disconnect()
  }
}
