import { hash } from 'node:crypto'
import { rpcTokenOf } from '@message-center/core/clients/client-secret.ts'
import type { ClientStore } from '@message-center/core/clients/client-store.ts'
import { logIn } from '@message-center/core/clients/log-in.ts'
import type { LogIn } from '@message-center/core/contracts/clients.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import type { ClientRow } from '@message-center/core/schema/clients.ts'
import type { FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'
import { createFailureLimit } from './plugins/failure-limit.ts'

/** Failures a minute. 256 random bits are not guessed at any speed: this spares the database, and shows who is at it. */
const FAILURES_PER_CLIENT = 30
const FAILURES_PER_ADDRESS = 300
/** Clients whose good credentials are known again; only good ones are, by their hash. */
const MAX_PROVEN = 10_000

/** @throws AppError UNAUTHORIZED, or TOO_MANY_REQUESTS after too many failures of the client or the address */
export type LimitedLogIn<Request> = (credentials: LogIn, request: Request) => Promise<ClientRow>

/**
 * The log-in of API clients, for a server that has the rate-limit plugin. Credentials that were right the last time are looked
 * at whatever the limits say: else a stranger at a client's address (a shared proxy's) could keep him out.
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
  const proven = new LRUCache<string, true>({ max: MAX_PROVEN })
  return async (credentials, request) => {
    const key = hash('sha256', rpcTokenOf(credentials.clientId, credentials.clientSecret), 'base64')
    if (!proven.has(key)) await Promise.all(limits.map((limit) => limit.refuseIfExceeded(request)))
    const client = await logIn(store, credentials)
    if (client) {
      proven.set(key, true)
      return client
    }
    proven.delete(key)
    await Promise.all(limits.map((limit) => limit.count(request)))
    throw new AppError('UNAUTHORIZED', 'there is no such client, its secret is another one, or it is disabled')
  }
}
