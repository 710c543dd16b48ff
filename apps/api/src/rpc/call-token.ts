import { readRpcToken } from '@message-center/core/clients/client-secret.ts'
import { rolesOf } from '@message-center/core/clients/client-store.ts'
import type { LogIn } from '@message-center/core/contracts/clients.ts'
import type { ClientRow } from '@message-center/core/schema/clients.ts'
import type { FastifyRequest } from 'fastify'
import { CLIENT_CLAIM } from '../plugins/auth.ts'
import type { Claims } from '../plugins/verified-tokens.ts'

const TOKEN = /^(?:Bearer )?(\S+)$/i

/** The token of a call: `authorization`, as REST has it, or Dubbo's attachment `token`, which is a header by Triple. */
export function tokenOfCall({ headers }: FastifyRequest): string | undefined {
  const given = headers.authorization ?? headers.token
  return typeof given === 'string' ? TOKEN.exec(given)?.[1] : undefined
}

/** The API client that a call's RPC token names; '' where it has no such token. */
export function clientIdOfCall(request: FastifyRequest): string {
  return readRpcToken(tokenOfCall(request) ?? '')?.clientId ?? ''
}

/**
 * What an API client's RPC token says, as if the client had logged in; undefined where it is no such token.
 * @throws AppError as the log-in does
 */
export function claimsOfRpcToken(
  token: string,
  logIn: (credentials: LogIn) => Promise<ClientRow>,
): Promise<Claims> | undefined {
  const credentials = readRpcToken(token)
  return credentials && logIn(credentials).then(claimsOfClient)
}

function claimsOfClient(client: ClientRow): Claims {
  return { sub: client.clientId, tenantId: client.tenantId, roles: rolesOf(client), [CLIENT_CLAIM]: client.id }
}
