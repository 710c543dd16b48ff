import { EventEmitter } from 'node:events'
import type { RedisConnection } from '../queues/redis.ts'

/** What a change touched: everything cached of this tenant. Tenant '0' is the platform: everything of everyone. */
type Listener = (tenantId: string) => void

export interface Invalidation {
  /** Tells every process, this one included. Resolves when Redis took it. */
  publish(tenantId: string): Promise<void>
  /** Called with the tenant whose cached values are stale; '0' = all. */
  subscribe(listener: Listener): void
  close(): Promise<void>
}

export const PLATFORM_TENANT = '0'

/** The publishing half, for a process that caches nothing itself: tells all others that a tenant's cached values are stale. */
export function createInvalidationPublisher(publisher: RedisConnection, channel: string) {
  return async (tenantId: string): Promise<void> => void (await publisher.publish(channel, tenantId))
}

/**
 * Cache invalidation over Redis pub/sub. While the subscription is down, messages are missed; so everything counts as
 * stale when it comes back.
 * @param subscriber a connection of its own: a subscribed connection takes no other commands
 */
export async function createInvalidation(
  publisher: RedisConnection,
  subscriber: RedisConnection,
  channel: string,
): Promise<Invalidation> {
  const emitter = new EventEmitter().setMaxListeners(0)
  subscriber.on('message', (_channel, tenantId: string) => emitter.emit('stale', tenantId))
  // ioredis subscribes again by itself after a reconnect; 'ready' comes before, so nothing is missed in between.
  subscriber.on('ready', () => emitter.emit('stale', PLATFORM_TENANT))
  await subscriber.subscribe(channel)
  const publish = createInvalidationPublisher(publisher, channel)
  return {
    async publish(tenantId) {
      emitter.emit('stale', tenantId)
      await publish(tenantId)
    },
    subscribe: (listener) => void emitter.on('stale', listener),
    async close() {
      subscriber.disconnect()
    },
  }
}
