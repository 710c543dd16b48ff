import { createHash, randomBytes } from 'node:crypto'

/** 256 bits: what makes one plain SHA-256 enough, see `hashClientSecret`. */
const SECRET_BYTES = 32

/** A new id for a client; the prefix tells people and scanners what it is. */
export function newClientId(): string {
  return `mc_${randomBytes(12).toString('hex')}`
}

/** False for what `newClientId` cannot have made: nobody has such an id. */
export function isClientId(text: string): boolean {
  return /^mc_[0-9a-f]{24}$/.test(text)
}

/** A new secret for a client. */
export function newClientSecret(): string {
  return `mcs_${randomBytes(SECRET_BYTES).toString('base64url')}`
}

/**
 * What is stored of a secret, 64 hex digits. SHA-256 without salt or stretching: those slow down the guessing of
 * passwords that people chose, and nobody can guess 256 random bits at any speed; a slow hash would only let strangers
 * burn our CPU by logging in.
 */
export function hashClientSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** A client's id and secret as one text, for callers who can give one only: the token of a Dubbo consumer. */
export function rpcTokenOf(clientId: string, clientSecret: string): string {
  return `${clientId}.${clientSecret}`
}

/** The id and secret in an RPC token; undefined for what is none. */
export function readRpcToken(token: string): { clientId: string; clientSecret: string } | undefined {
  const dot = token.indexOf('.')
  const clientId = token.slice(0, Math.max(dot, 0))
  return isClientId(clientId) ? { clientId, clientSecret: token.slice(dot + 1) } : undefined
}
