import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'

const MAX_TOKENS = 10_000
/** As long as a key that its issuer has withdrawn goes on opening doors. */
const MAX_AGE_MS = 60_000

/** Claims of a token that was verified. */
export type Claims = Record<string, unknown>

export interface VerifiedTokens {
  /** The claims of a token that was verified a moment ago and has not expired since. */
  get(token: string): Claims | undefined
  /** @param expiresAt epoch ms */
  add(token: string, claims: Claims, expiresAt: number): void
}

/**
 * Remembers for a short time which tokens are good. Only good ones are kept, by their hash: strangers cannot push them out
 * with bad ones, and a memory dump shows none that could be used.
 */
export function createVerifiedTokens(): VerifiedTokens {
  const claimsByHash = new LRUCache<string, Claims>({ max: MAX_TOKENS, ttl: MAX_AGE_MS })
  const keyOf = (token: string) => hash('sha256', token, 'base64')
  return {
    get: (token) => claimsByHash.get(keyOf(token)),
    add(token, claims, expiresAt) {
      // The cache takes a ttl of 0 for 'for ever'.
      const ttl = Math.max(1, Math.min(MAX_AGE_MS, Math.floor(expiresAt - Date.now())))
      claimsByHash.set(keyOf(token), claims, { ttl })
    },
  }
}
