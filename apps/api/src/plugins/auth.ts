import fastifyJwt from '@fastify/jwt'
import type { ClientRoles } from '@message-center/core/clients/client-source.ts'
import { type Caller, expandRoles, type Role } from '@message-center/core/contracts/caller.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import { normalizeId } from '@message-center/core/contracts/ids.ts'
import type { Env } from '@message-center/core/settings/env.ts'
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { tokenKeys } from './token-keys.ts'
import { type Claims, createVerifiedTokens } from './verified-tokens.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Roles of which a caller needs one, or `public`. Every route says which. */
    access?: readonly Role[] | 'public'
    /** What a caller may show instead of a bearer token; undefined where the request shows none. */
    pass?(request: FastifyRequest): Promise<Pass> | undefined
  }
  interface FastifyRequest {
    /** Who calls; set on every route that is not public. */
    caller: Caller
    /** The verified claims of the token by which the call was let in. */
    claims: Claims
  }
  interface FastifyInstance {
    /**
     * The caller that verified claims stand for now, one that has one of the roles; for what outlasts a request.
     * @throws AppError UNAUTHORIZED, FORBIDDEN
     */
    authorize(claims: Claims, access: readonly Role[]): Promise<Caller>
  }
}

/** What a token's holder was given to let him in elsewhere, for less than the token could. */
export interface Pass {
  claims: Claims
  caller: Caller
}

declare module '@fastify/jwt' {
  interface FastifyJWT {
    payload: Claims
    user: Claims
  }
}

/** The claim that names the API client (its row's id) in tokens that this service issued. */
export const CLIENT_CLAIM = 'apiClient'

/** An issuer's clock may be ahead by this much (`nbf`, `iat`); it does not lengthen a token's life. */
const CLOCK_TOLERANCE_MS = 30_000
const BEARER = /^Bearer (\S+)$/i

export interface AuthOptions {
  env: Env
  clientRoles: ClientRoles
  /** Where a request has its token; the `Authorization` header without it. */
  tokenOf?: (request: FastifyRequest) => string | undefined
  /** The claims of a token that is no JWT; undefined where it may be one. @throws AppError UNAUTHORIZED, TOO_MANY_REQUESTS */
  claimsOfOther?: (token: string, request: FastifyRequest) => Promise<Claims> | undefined
}

/**
 * Verifies the bearer token and the role before a body is even read: who may not call learns nothing from validation.
 * The algorithm is pinned to the kind of key, so that neither `none` nor a public key used as an HS256 secret passes.
 */
export const authPlugin = fp(
  async (app: FastifyInstance, { env, clientRoles, tokenOf = bearerToken, claimsOfOther }: AuthOptions) => {
    const keys = tokenKeys(env, (err) => app.log.warn({ err }, "the token issuer's keys could not be refreshed"))
    app.addHook('onClose', async () => keys.close())
    await app.register(fastifyJwt, {
      secret: keys.secret,
      // The key is chosen by the token's header.
      decode: { complete: true },
      verify: {
        algorithms: keys.algorithms,
        clockTolerance: CLOCK_TOLERANCE_MS,
        extractToken: tokenOf,
        // A claim that is only compared where it is present would let a token without it pass.
        requiredClaims: ['exp', 'tenantId', ...(env.jwtIssuer ? ['iss'] : []), ...(env.jwtAudience ? ['aud'] : [])],
        ...(env.jwtIssuer ? { allowedIss: env.jwtIssuer } : {}),
        ...(env.jwtAudience ? { allowedAud: env.jwtAudience } : {}),
      },
    })
    app.decorateRequest('caller')
    app.decorateRequest('claims')
    app.decorate('authorize', async (claims: Claims, access: readonly Role[]) => {
      if (expiryOf(claims) <= Date.now()) throw new AppError('UNAUTHORIZED', 'the token has expired')
      const caller = await callerOf(claims, clientRoles)
      if (access.some((role) => caller.roles.includes(role))) return caller
      throw new AppError('FORBIDDEN', `this call needs one of the roles ${access.join(', ')}`)
    })
    requireAccessRules(app)
    const verified = createVerifiedTokens()
    const verify = async (request: FastifyRequest): Promise<Claims> => {
      const token = tokenOf(request)
      if (token === undefined) throw new AppError('UNAUTHORIZED', 'a bearer token is required')
      const known = verified.get(token)
      if (known) return known
      const claims = (await claimsOfOther?.(token, request)) ?? (await verifyJwt(request))
      verified.add(token, claims, expiryOf(claims))
      return claims
    }
    app.addHook('onRequest', async (request) => {
      const { access, pass: passOf } = request.routeOptions.config
      // A path that does not exist has no rule; the 404 comes from the not-found handler.
      if (access === 'public' || access === undefined) return
      const pass = await passOf?.(request)
      request.claims = pass?.claims ?? (await verify(request))
      const caller = await app.authorize(request.claims, access)
      request.caller = pass?.caller ?? caller
    })
  },
  { name: 'auth' },
)

/** A route that does not say who may call it keeps the process from starting. */
function requireAccessRules(app: FastifyInstance): void {
  const routes: RouteOptions[] = []
  app.addHook('onRoute', (route) => void routes.push(route))
  app.addHook('onReady', async () => {
    const open = routes.find((route) => route.config?.access === undefined)
    if (open) throw new Error(`route ${open.method} ${open.url} does not say who may call it`)
  })
}

/** When a token ends, epoch ms; one of another kind than a JWT may have no end. */
export function expiryOf({ exp }: Claims): number {
  return exp === undefined ? Number.POSITIVE_INFINITY : Number(exp) * 1000
}

function bearerToken({ headers }: FastifyRequest): string | undefined {
  return BEARER.exec(headers.authorization ?? '')?.[1]
}

/** @throws AppError UNAUTHORIZED, or UNAVAILABLE where the key cannot be had */
async function verifyJwt(request: FastifyRequest): Promise<Claims> {
  let claims: Claims
  try {
    claims = await request.jwtVerify<Claims>()
  } catch (error) {
    if (error instanceof AppError && error.code === 'UNAVAILABLE') throw error
    throw new AppError('UNAUTHORIZED', 'a valid bearer token is required', {}, { cause: error })
  }
  if (expiryOf(claims) <= Date.now()) throw new AppError('UNAUTHORIZED', 'the token has expired')
  return claims
}

/** @throws AppError UNAUTHORIZED where the token names no tenant, or an API client that is no more */
async function callerOf(claims: Claims, clientRoles: ClientRoles): Promise<Caller> {
  const { sub, tenantId: named, roles, [CLIENT_CLAIM]: clientId } = claims
  const tenantId = typeof named === 'string' && /^\d{1,19}$/.test(named) ? normalizeId(named) : undefined
  if (tenantId === undefined) throw new AppError('UNAUTHORIZED', 'the token must name its tenant as a string of digits')
  const granted: unknown[] = Array.isArray(roles) ? roles : []
  const caller = { subject: typeof sub === 'string' ? sub : '', tenantId }
  if (clientId === undefined) return { ...caller, roles: expandRoles(granted) }
  const current = await clientRoles(tenantId, String(clientId))
  if (current.length === 0) throw new AppError('UNAUTHORIZED', "the token's API client was disabled or deleted")
  return { ...caller, roles: expandRoles(granted.filter((role) => current.some((kept) => kept === role))) }
}
