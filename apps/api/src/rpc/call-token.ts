import { readRpcToken } from '@message-center/core/clients/client-secret.ts'
import { type ClientStore, rolesOf } from '@message-center/core/clients/client-store.ts'
import { logIn } from '@message-center/core/clients/log-in.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import type { FastifyRequest } from 'fastify'
import { CLIENT_CLAIM } from '../plugins/auth.ts'
import type { Claims } from '../plugins/verified-tokens.ts'

const TOKEN = /^(?:Bearer )?(\S+)$/i

/** The token of a call: `authorization`, as REST has it, or Dubbo's attachment `token`, which is a header by Triple. */
export function tokenOfCall({ headers }: FastifyRequest): string | undefined {
  const given = headers.authorization ?? headers.token
  return typeof given === 'string' ? TOKEN.exec(given)?.[1] : undefined
}

/**
 * What an API client's RPC token says, as if the client had logged in; undefined where it is no such token.
 * @throws AppError UNAUTHORIZED
 */
export function claimsOfRpcToken(clients: ClientStore, token: string): Promise<Claims> | undefined {
  const credentials = readRpcToken(token)
  return credentials && claimsOfClient(clients, credentials)
}

async function claimsOfClient(clients: ClientStore, credentials: Parameters<typeof logIn>[1]): Promise<Claims> {
  const client = await logIn(clients, credentials)
  if (!client)
    throw new AppError('UNAUTHORIZED', 'there is no such client, its secret is another one, or it is disabled')
  return { sub: client.clientId, tenantId: client.tenantId, roles: rolesOf(client), [CLIENT_CLAIM]: client.id }
}
