import { createPublicKey } from 'node:crypto'
import fastifyJwt from '@fastify/jwt'
import { type Caller, expandRoles, type Role } from '@message-center/core/contracts/caller.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import { normalizeId } from '@message-center/core/contracts/ids.ts'
import type { Env } from '@message-center/core/settings/env.ts'
import type { FastifyInstance, FastifyRequest, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Roles of which a caller needs one, or `public`. Every route says which. */
    access?: readonly Role[] | 'public'
  }
  interface FastifyRequest {
    /** Who calls; set on every route that is not public. */
    caller: Caller
  }
}

/** An issuer's clock may be ahead by this much (`nbf`, `iat`); it does not lengthen a token's life. */
const CLOCK_TOLERANCE_MS = 30_000

/**
 * Verifies the bearer token and the role before a body is even read: who may not call learns nothing from validation.
 * The algorithm is pinned to the kind of key, so that neither `none` nor a public key used as an HS256 secret passes.
 */
export const authPlugin = fp(
  async (app: FastifyInstance, { env }: { env: Env }) => {
    await app.register(fastifyJwt, {
      secret: env.jwtSecret ?? { public: env.jwtPublicKey ?? '' },
      verify: {
        algorithms: env.jwtSecret ? ['HS256'] : [algorithmOf(env.jwtPublicKey ?? '')],
        clockTolerance: CLOCK_TOLERANCE_MS,
        requiredClaims: ['exp', 'tenantId'],
        ...(env.jwtIssuer ? { allowedIss: env.jwtIssuer } : {}),
        ...(env.jwtAudience ? { allowedAud: env.jwtAudience } : {}),
      },
    })
    app.decorateRequest('caller')
    const routes: RouteOptions[] = []
    app.addHook('onRoute', (route) => void routes.push(route))
    app.addHook('onReady', async () => {
      const open = routes.find((route) => route.config?.access === undefined)
      if (open) throw new Error(`route ${open.method} ${open.url} does not say who may call it`)
    })
    app.addHook('onRequest', async (request) => {
      const { access } = request.routeOptions.config
      // A path that does not exist has no rule; the 404 comes from the not-found handler.
      if (access === 'public' || access === undefined) return
      request.caller = await verify(request)
      if (!access.some((role) => request.caller.roles.includes(role))) {
        throw new AppError('FORBIDDEN', `this call needs one of the roles ${access.join(', ')}`)
      }
    })
  },
  { name: 'auth' },
)

async function verify(request: FastifyRequest): Promise<Caller> {
  let claims: Record<string, unknown>
  try {
    claims = await request.jwtVerify()
  } catch (error) {
    throw new AppError('UNAUTHORIZED', 'a valid bearer token is required', {}, { cause: error })
  }
  const { sub, tenantId, roles, exp } = claims
  if (Number(exp) * 1000 <= Date.now()) throw new AppError('UNAUTHORIZED', 'the token has expired')
  const tenant = typeof tenantId === 'string' && /^\d{1,19}$/.test(tenantId) ? normalizeId(tenantId) : undefined
  if (tenant === undefined) throw new AppError('UNAUTHORIZED', 'the token must name its tenant as a string of digits')
  return {
    subject: typeof sub === 'string' ? sub : '',
    tenantId: tenant,
    roles: expandRoles(Array.isArray(roles) ? roles : []),
  }
}

function algorithmOf(publicKey: string): 'RS256' | 'ES256' {
  return createPublicKey(publicKey).asymmetricKeyType === 'ec' ? 'ES256' : 'RS256'
}
