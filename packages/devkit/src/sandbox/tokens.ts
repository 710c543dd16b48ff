import { randomBytes } from 'node:crypto'
import type { Provider } from './provider-call.ts'
import { dropOldest } from './recent.ts'

const MOST_TOKENS = 10_000

/** Whom an access token belongs to. `agentId` is known only where the app was declared. */
export interface TokenHolder {
  provider: Provider
  account: string
  agentId: string | undefined
  expiresAt: number
}

export interface TokenRequest {
  provider: Provider
  account: string
  secret: string
  agentId: string | undefined
  now: number
  lifetimeMs: number
  /** DingTalk: asking again within the lifetime returns the same token and extends it. */
  extend: boolean
}

export interface Tokens {
  issue(request: TokenRequest): { token: string; expiresInSeconds: number }
  /** The holder, also of an expired token; undefined for a token that was never given out or was revoked. */
  holder(provider: Provider, token: string): TokenHolder | undefined
  /** Forgets all tokens (of one provider): the next call with one is answered "invalid", as after a secret reset. */
  revoke(provider?: Provider): void
}

/** Creates an empty token office. Within its lifetime an app always gets the same token. */
export function createTokens(): Tokens {
  const holders = new Map<string, TokenHolder>()
  const current = new Map<string, string>()

  function issue(request: TokenRequest): { token: string; expiresInSeconds: number } {
    const { provider, account, agentId, now, lifetimeMs } = request
    const name = JSON.stringify([provider, account, request.secret])
    const known = current.get(name)
    const holder = known === undefined ? undefined : holders.get(known)
    if (known !== undefined && holder !== undefined && holder.expiresAt > now) {
      if (request.extend) holder.expiresAt = now + lifetimeMs
      return { token: known, expiresInSeconds: Math.ceil((holder.expiresAt - now) / 1000) }
    }
    // The beginning is for whoever looks where tokens have gone.
    const token = `sandbox-token-${randomBytes(16).toString('hex')}`
    holders.set(token, { provider, account, agentId, expiresAt: now + lifetimeMs })
    current.set(name, token)
    if (holders.size > MOST_TOKENS) dropOldest(holders)
    if (current.size > MOST_TOKENS) dropOldest(current)
    return { token, expiresInSeconds: Math.ceil(lifetimeMs / 1000) }
  }

  return {
    issue,
    holder(provider, token) {
      const holder = holders.get(token)
      return holder?.provider === provider ? holder : undefined
    },
    revoke(provider) {
      for (const [token, holder] of holders) {
        if (provider === undefined || holder.provider === provider) holders.delete(token)
      }
    },
  }
}
