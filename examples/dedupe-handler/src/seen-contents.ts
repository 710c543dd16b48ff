import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'

/** What was sent lately, shared by all worker processes. Every call throws while Redis is away. */
export interface SeenContents {
  /**
   * Notes that a message sends this content, unless another one has done so within the window.
   * @returns the id of the message that was first: its own, also when it asks again
   */
  firstSender(content: string, messageId: string, windowMs: number): Promise<string>
  /** Takes the note of this message back. */
  forget(content: string, messageId: string): Promise<void>
  /** Resolves when Redis is there, or after `waitMs`. */
  connected(waitMs: number): Promise<void>
  close(): void
}

/** A pipeline that waits for each command would come to a stand while Redis hangs. */
const COMMAND_TIMEOUT_MS = 250
const LONGEST_RECONNECT_MS = 1000

const FORGET = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`

/** One key per content, which expires by itself: any Redis, cluster or not, will do. */
export function createSeenContents({ redisUrl, keyPrefix }: { redisUrl: string; keyPrefix: string }): SeenContents {
  const redis = new Redis(redisUrl, {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
    retryStrategy: (times) => Math.min(times * 100, LONGEST_RECONNECT_MS),
  })
  // Told by the handler, once, when it needs Redis and has none.
  redis.on('error', () => {})
  const keyOf = (content: string) => keyPrefix + content
  return {
    async firstSender(content, messageId, windowMs) {
      const key = keyOf(content)
      if ((await redis.set(key, messageId, 'PX', windowMs, 'NX')) === 'OK') return messageId
      // Expired between the two commands: nobody is first any more, so this one may go.
      return (await redis.get(key)) ?? messageId
    },
    async forget(content, messageId) {
      await redis.eval(FORGET, 1, keyOf(content), messageId)
    },
    async connected(waitMs) {
      const ready = new Promise<void>((resolve) =>
        redis.status === 'ready' ? resolve() : redis.once('ready', resolve),
      )
      await Promise.race([ready, delay(waitMs, undefined, { ref: false })])
    },
    close: () => redis.disconnect(),
  }
}
