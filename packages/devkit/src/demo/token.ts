import { createHmac } from 'node:crypto'
import type { Role } from '@message-center/core/contracts/caller.ts'

export interface TokenClaims {
  sub: string
  tenantId: string
  roles: Role[]
  iss?: string
  aud?: string
}

/**
 * Signs a JWT with HS256 (RFC 7515).
 * @param lifetimeSeconds from now to `exp`
 */
export function signToken(secret: string, claims: TokenClaims, lifetimeSeconds: number): string {
  const now = Math.floor(Date.now() / 1000)
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const content = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ ...claims, iat: now, exp: now + lifetimeSeconds })}`
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`
}
