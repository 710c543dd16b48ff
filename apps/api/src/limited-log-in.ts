import type { ClientStore } from '@message-center/core/clients/client-store.ts'
import { logIn } from '@message-center/core/clients/log-in.ts'
import type { LogIn } from '@message-center/core/contracts/clients.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import type { ClientRow } from '@message-center/core/schema/clients.ts'
import type { FastifyRequest } from 'fastify'
import { createFailureLimit } from './plugins/failure-limit.ts'

/** Failures a minute. 256 random bits are not guessed at any speed: this spares the database, and shows who is at it. */
const FAILURES_PER_CLIENT = 30
const FAILURES_PER_ADDRESS = 300

/** @throws AppError UNAUTHORIZED, or TOO_MANY_REQUESTS after too many failures of the client or the address */
export type LimitedLogIn<Request> = (credentials: LogIn, request: Request) => Promise<ClientRow>

/**
 * The log-in of API clients, for a server that has the rate-limit plugin.
 * @param clientIdOf the client that a request's credentials name
 */
export function createLimitedLogIn<Request extends FastifyRequest>(
  app: Parameters<typeof createFailureLimit>[0],
  store: ClientStore,
  clientIdOf: (request: Request) => string,
): LimitedLogIn<Request> {
  const limits = [
    createFailureLimit<Request>(app, FAILURES_PER_CLIENT, clientIdOf),
    createFailureLimit<Request>(app, FAILURES_PER_ADDRESS),
  ]
  return async (credentials, request) => {
    await Promise.all(limits.map((limit) => limit.refuseIfExceeded(request)))
    const client = await logIn(store, credentials)
    if (client) return client
    await Promise.all(limits.map((limit) => limit.count(request)))
    throw new AppError('UNAUTHORIZED', 'there is no such client, its secret is another one, or it is disabled')
  }
}
