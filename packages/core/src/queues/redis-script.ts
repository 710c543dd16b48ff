import { createHash } from 'node:crypto'
import type { RedisConnection } from './redis.ts'

/** Runs a Lua script: `keys` become KEYS, `args` ARGV. */
export type RedisScript = (redis: RedisConnection, keys: string[], args: (string | number)[]) => Promise<unknown>

/** A script that is sent by its hash; Redis forgets scripts at a restart, then the source is sent once more. */
export function createScript(source: string): RedisScript {
  const sha = createHash('sha1').update(source).digest('hex')
  return async (redis, keys, args) => {
    try {
      return await redis.evalsha(sha, keys.length, ...keys, ...args)
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
      return await redis.eval(source, keys.length, ...keys, ...args)
    }
  }
}
