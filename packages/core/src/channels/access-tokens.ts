import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { LRUCache } from 'lru-cache'
import type { RedisConnection } from '../queues/redis.ts'
import type { Cipher } from '../secrets/cipher.ts'
import { type AccessToken, createAccessTokenStore, type KeptToken } from './access-token-store.ts'
import { beforeSending } from './before-sending.ts'
import { ChannelError } from './channel-error.ts'

/** An app at a provider. */
export interface TokenApp {
  /**
   * Everything that decides which token it gets: provider, host, ids, and the secret, so that nobody who lacks it finds the
   * token of one who has it. Only a hash leaves the process.
   */
  identity: readonly string[]
  /** Asks the provider. Rejects with a ChannelError. */
  fetchToken(signal: AbortSignal): Promise<{ value: string; lifetimeMs: number }>
}

/** Access tokens, fetched once per app however many ask, in however many processes. */
export interface AccessTokens {
  /** @throws ChannelError, never UNKNOWN: nothing has been sent yet */
  get(app: TokenApp, signal: AbortSignal): Promise<AccessToken>
  /**
   * A newer token than one that the provider refused. All who come with the same refused one share one fetch.
   * @throws ChannelError, never UNKNOWN
   */
  renew(app: TokenApp, refused: AccessToken, signal: AbortSignal): Promise<AccessToken>
  /**
   * Fetches the next token where the shared one may be used for less than `aheadMs` more; the others find it once theirs has
   * run out. Nothing where there is none, or where somebody is fetching it already.
   * @returns whether one was fetched
   * @throws ChannelError, never UNKNOWN; or what Redis says
   */
  refresh(app: TokenApp, aheadMs: number): Promise<boolean>
}

const MAX_APPS = 10_000
/** A token is left alone this long before its end, but not more than a tenth of its life. */
const MAX_MARGIN_MS = 300_000
const FETCH_LIMIT_MS = 5_000
/** Longer than a fetch: who dies while fetching holds up the others for this long. */
const LOCK_MS = 6_000
const WAIT_LIMIT_MS = 15_000
const POLL_MS = 50
/** A provider that has just refused an app's credentials is not asked again with every message. */
const REFUSAL_KEPT_MS = 5_000

/**
 * In a process, one fetch per app at a time; between processes, a lock in Redis, where the token then lies encrypted.
 * While Redis is away every process fetches for itself.
 * @param options.keyPrefix start of every key in Redis, with a hash tag where it is a cluster
 * @param options.onError hears of trouble with Redis, or with what it held
 */
export function createAccessTokens(options: {
  redis: RedisConnection
  cipher: Cipher
  keyPrefix: string
  onError(error: unknown): void
}): AccessTokens {
  const { onError } = options
  const store = createAccessTokenStore(options)
  const cache = new LRUCache<string, AccessToken>({ max: MAX_APPS })
  const refusals = new LRUCache<string, ChannelError>({ max: MAX_APPS, ttl: REFUSAL_KEPT_MS })
  const flights = new Map<string, Promise<AccessToken>>()

  async function obtain(app: TokenApp, refused: AccessToken | undefined, signal: AbortSignal): Promise<AccessToken> {
    const key = keyOf(app)
    for (;;) {
      const cached = cache.get(key)
      if (cached && cached.id !== refused?.id) return cached
      const token = await orAborted(flightOf(key, app, refused), signal)
      // A flight that somebody started who knew of no refusal may have found the refused one.
      if (token.id !== refused?.id) return token
    }
  }

  function flightOf(key: string, app: TokenApp, refused: AccessToken | undefined): Promise<AccessToken> {
    const underWay = flights.get(key)
    if (underWay) return underWay
    const refusal = refusals.get(key)
    if (refusal) return Promise.reject(refusal)
    const flight = sharedOrFetched(key, app, refused).finally(() => flights.delete(key))
    flights.set(key, flight)
    return flight
  }

  async function sharedOrFetched(key: string, app: TokenApp, refused: AccessToken | undefined): Promise<AccessToken> {
    const found = await sharedOrLocked(key, refused).catch((error) => {
      if (error instanceof ChannelError) throw error
      onError(error)
      return { lock: undefined }
    })
    if ('token' in found) return keep(key, found)
    try {
      return await fetchAndShare(key, app)
    } finally {
      if (found.lock !== undefined) await store.unlock(key, found.lock).catch(onError)
    }
  }

  /** What another process has fetched, now or while we wait; else the lock to fetch under. */
  async function sharedOrLocked(
    key: string,
    refused: AccessToken | undefined,
  ): Promise<KeptToken | { lock: string | undefined }> {
    const deadline = performance.now() + WAIT_LIMIT_MS
    for (;;) {
      const lock = await store.lock(key, LOCK_MS)
      // Read after the lock was taken: its last holder may just have put a token there.
      const kept = await store.read(key).catch((error) => {
        onError(error)
        return undefined
      })
      if (kept && kept.token.id !== refused?.id) {
        if (lock !== undefined) await store.unlock(key, lock).catch(onError)
        return kept
      }
      if (lock !== undefined) return { lock }
      if (performance.now() > deadline) throw noToken('another process has been fetching it for too long')
      await delay(POLL_MS)
    }
  }

  async function fetchAndShare(key: string, app: TokenApp): Promise<AccessToken> {
    const { value, lifetimeMs } = await beforeSending(app.fetchToken(AbortSignal.timeout(FETCH_LIMIT_MS))).catch(
      (error: unknown) => {
        if (error instanceof ChannelError && isRefusal(error)) refusals.set(key, error)
        throw error
      },
    )
    const usableMs = Math.floor(lifetimeMs - Math.min(lifetimeMs / 10, MAX_MARGIN_MS))
    const fetched = { token: { value, id: randomUUID() }, usableMs }
    if (usableMs > 0) await store.write(key, fetched).catch(onError)
    return keep(key, fetched)
  }

  function keep(key: string, { token, usableMs }: KeptToken): AccessToken {
    if (usableMs > 0) cache.set(key, token, { ttl: usableMs })
    return token
  }

  async function refresh(app: TokenApp, aheadMs: number): Promise<boolean> {
    const key = keyOf(app)
    const runsOut = async () => {
      const kept = await store.read(key)
      return kept !== undefined && kept.usableMs < aheadMs
    }
    if (!(await runsOut())) return false
    const lock = await store.lock(key, LOCK_MS)
    if (lock === undefined) return false
    try {
      // The lock's last holder may just have put another one there.
      if (!(await runsOut())) return false
      await fetchAndShare(key, app)
      return true
    } finally {
      await store.unlock(key, lock).catch(onError)
    }
  }

  return {
    refresh,
    get: (app, signal) => obtain(app, undefined, signal),
    renew: (app, refused, signal) => obtain(app, refused, signal),
  }
}

function keyOf({ identity }: TokenApp): string {
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex')
}

function isRefusal({ errorClass }: ChannelError): boolean {
  return errorClass === 'PERMANENT' || errorClass === 'RATE_LIMITED'
}

/** The shared work goes on for the others when one who waits for it has to leave. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(noToken('the send was ended while it waited for it'))
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function noToken(why: string): ChannelError {
  return new ChannelError('TRANSIENT', { code: 'NO_ACCESS_TOKEN', message: `no access token: ${why}` })
}
