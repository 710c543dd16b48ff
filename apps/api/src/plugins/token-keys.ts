import { createPublicKey, type KeyObject } from 'node:crypto'
import type { FastifyJWTOptions, TokenOrHeader } from '@fastify/jwt'
import { type Env, EnvError } from '@message-center/core/settings/env.ts'
import { createIssuerKeys } from './jwks.ts'

type Algorithm = 'HS256' | 'RS256' | 'ES256'

/** What tokens are verified with. */
export interface TokenKeys {
  secret: FastifyJWTOptions['secret']
  /** The algorithms that fit the kind of key: a token cannot choose. */
  algorithms: Algorithm[]
  close(): void
}

const MIN_RSA_BITS = 2048

/**
 * JWT_SECRET, else JWT_PUBLIC_KEY, else JWT_JWKS_URL.
 * @param onError the keys of JWT_JWKS_URL could not be refreshed
 * @throws EnvError where JWT_PUBLIC_KEY is no key for RS256 or ES256
 */
export function tokenKeys(env: Env, onError: (error: unknown) => void): TokenKeys {
  const close = () => {}
  if (env.jwtSecret) return { secret: env.jwtSecret, algorithms: ['HS256'], close }
  if (env.jwtPublicKey) {
    return { secret: { public: env.jwtPublicKey }, algorithms: [algorithmOf(env.jwtPublicKey)], close }
  }
  const algorithms: Algorithm[] = ['RS256', 'ES256']
  const issuer = createIssuerKeys(env.jwtJwksUrl ?? '', algorithms, onError)
  const secret = (_request: unknown, token: TokenOrHeader) => issuer.pem('header' in token ? token.header : token)
  return { secret, algorithms, close: issuer.close }
}

/** RS256 is RSASSA-PKCS1-v1_5, ES256 the curve P-256 (RFC 7518, 3.3 and 3.4): no other key does. */
function algorithmOf(pem: string): Algorithm {
  const key = publicKey(pem)
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= MIN_RSA_BITS) return 'RS256'
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return 'ES256'
  throw new EnvError(`JWT_PUBLIC_KEY must be an RSA key of at least ${MIN_RSA_BITS} bits, or an EC key on P-256`)
}

function publicKey(pem: string): KeyObject {
  // createPublicKey would take a private key too, and quietly use its public half.
  if (pem.includes('PRIVATE KEY')) throw new EnvError('JWT_PUBLIC_KEY holds a private key')
  try {
    return createPublicKey(pem)
  } catch (error) {
    throw new EnvError('JWT_PUBLIC_KEY is not a public key in PEM', { cause: error })
  }
}
