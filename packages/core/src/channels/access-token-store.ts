import { randomUUID } from 'node:crypto'
import type { RedisConnection } from '../queues/redis.ts'
import { createScript } from '../queues/redis-script.ts'
import type { Cipher } from '../secrets/cipher.ts'

export interface AccessToken {
  value: string
  /** Another one for every fetch, also where the provider gives the same token again. */
  id: string
}

export interface KeptToken {
  token: AccessToken
  /** How long it may still be used, in milliseconds. */
  usableMs: number
}

/** Access tokens that all processes share, encrypted, and the locks under which they are fetched. All in Redis. */
export interface AccessTokenStore {
  read(app: string): Promise<KeptToken | undefined>
  write(app: string, kept: KeptToken): Promise<void>
  /** @returns the holder's name, to unlock with; undefined where somebody else holds the lock */
  lock(app: string, ttlMs: number): Promise<string | undefined>
  /** Lets go of a lock, unless it has run out and another one holds it. */
  unlock(app: string, holder: string): Promise<void>
}

const unlockIfHeld = createScript(
  `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`,
)

/** @param keyPrefix start of every key, with a hash tag where Redis is a cluster */
export function createAccessTokenStore(options: {
  redis: RedisConnection
  cipher: Cipher
  keyPrefix: string
}): AccessTokenStore {
  const { redis, cipher, keyPrefix } = options
  const tokenKey = (app: string) => `${keyPrefix}:${app}`
  const lockKey = (app: string) => `${keyPrefix}:${app}:lock`
  return {
    async read(app) {
      const answers = (await redis.multi().get(tokenKey(app)).pttl(tokenKey(app)).exec()) ?? []
      for (const [error] of answers) if (error) throw error
      const [sealed, usableMs] = answers.map(([, answer]) => answer)
      if (typeof sealed !== 'string' || typeof usableMs !== 'number' || usableMs <= 0) return undefined
      return { token: JSON.parse(cipher.decrypt(sealed, tokenKey(app))), usableMs }
    },
    async write(app, { token, usableMs }) {
      await redis.set(tokenKey(app), cipher.encrypt(JSON.stringify(token), tokenKey(app)), 'PX', usableMs)
    },
    async lock(app, ttlMs) {
      const holder = randomUUID()
      return (await redis.set(lockKey(app), holder, 'PX', ttlMs, 'NX')) === 'OK' ? holder : undefined
    },
    async unlock(app, holder) {
      await unlockIfHeld(redis, [lockKey(app)], [holder])
    },
  }
}
