import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type ClientStore, rolesOf } from '@message-center/core/clients/client-store.ts'
import { logIn } from '@message-center/core/clients/log-in.ts'
import { IssuedToken, LogIn } from '@message-center/core/contracts/clients.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import type { Env } from '@message-center/core/settings/env.ts'
import type { FastifyRequest } from 'fastify'
import { CLIENT_CLAIM } from '../plugins/auth.ts'
import { createFailureLimit } from '../plugins/failure-limit.ts'
import { answers } from './answers.ts'
import { LOG_IN_EXAMPLES, withExamples } from './examples.ts'

/** Short, for a token that leaks; revoking its client stops it before that. */
const TOKEN_SECONDS = 3600
const BODY_LIMIT = 4 * 1024
/** Failures a minute. 256 random bits are not guessed at any speed: this spares the database, and shows who is at it. */
const FAILURES_PER_CLIENT = 30
const FAILURES_PER_ADDRESS = 300

/** Tokens for API clients, signed with JWT_SECRET. */
export const authRoutes: FastifyPluginAsyncTypebox<{ store: ClientStore; env: Env }> = async (app, { store, env }) => {
  const ofClient = createFailureLimit<FastifyRequest<{ Body: LogIn }>>(
    app,
    FAILURES_PER_CLIENT,
    ({ body }) => body.clientId,
  )
  const ofAddress = createFailureLimit(app, FAILURES_PER_ADDRESS)

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
      await Promise.all([ofClient.refuseIfExceeded(request), ofAddress.refuseIfExceeded(request)])
      const client = await logIn(store, request.body)
      if (!client) {
        await Promise.all([ofClient.count(request), ofAddress.count(request)])
        throw new AppError('UNAUTHORIZED', 'there is no such client, its secret is another one, or it is disabled')
      }
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
