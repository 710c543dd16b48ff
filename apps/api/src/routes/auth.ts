import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type ClientStore, rolesOf } from '@message-center/core/clients/client-store.ts'
import { IssuedToken, LogIn } from '@message-center/core/contracts/clients.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import type { Env } from '@message-center/core/settings/env.ts'
import type { FastifyRequest } from 'fastify'
import { createLimitedLogIn } from '../limited-log-in.ts'
import { CLIENT_CLAIM } from '../plugins/auth.ts'
import { answers } from './answers.ts'
import { LOG_IN_EXAMPLES, withExamples } from './examples.ts'

/** Short, for a token that leaks; revoking its client stops it before that. */
const TOKEN_SECONDS = 3600
const BODY_LIMIT = 4 * 1024

/** Tokens for API clients, signed with JWT_SECRET. */
export const authRoutes: FastifyPluginAsyncTypebox<{ store: ClientStore; env: Env }> = async (app, { store, env }) => {
  const logIn = createLimitedLogIn<FastifyRequest<{ Body: LogIn }>>(app, store, ({ body }) => body.clientId)

  app.post('/api/auth/token', {
    bodyLimit: BODY_LIMIT,
    config: { access: 'public' },
    schema: {
      tags: ['clients'],
      summary: "A token for an API client's id and secret",
      description:
        'Valid for an hour. Only where the service signs tokens itself (JWT_SECRET): with JWT_PUBLIC_KEY or JWT_JWKS_URL the answer is 404, and tokens come from their issuer. ' +
        'An unknown id, a wrong secret and a disabled client get the same answer; too many of them a 429.',
      security: [],
      body: withExamples(LogIn, LOG_IN_EXAMPLES),
      response: answers({ 200: IssuedToken }, 400, 404, 413, 415, 429),
    },
    async handler(request) {
      if (!env.jwtSecret) {
        throw new AppError(
          'NOT_FOUND',
          'this service issues no tokens (it has no JWT_SECRET); ask the token issuer for one',
        )
      }
      const client = await logIn(request.body, request)
      const claims = {
        sub: client.clientId,
        tenantId: client.tenantId,
        roles: rolesOf(client),
        [CLIENT_CLAIM]: client.id,
        ...(env.jwtIssuer ? { iss: env.jwtIssuer } : {}),
        ...(env.jwtAudience ? { aud: env.jwtAudience } : {}),
      }
      return { token: app.jwt.sign(claims, { expiresIn: TOKEN_SECONDS }), expiresIn: TOKEN_SECONDS }
    },
  })
}
