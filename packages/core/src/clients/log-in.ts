import type { LogIn } from '../contracts/clients.ts'
import type { ClientRow } from '../schema/clients.ts'
import { sameSecret } from '../secrets/same-secret.ts'
import { hashClientSecret, isClientId } from './client-secret.ts'
import type { ClientStore } from './client-store.ts'

/** What an unknown client's secret is compared with: no secret has this hash. */
const NO_HASH = '0'.repeat(64)

/**
 * The client that these credentials belong to; undefined where there is none. An unknown id, a wrong secret and a
 * disabled client take the same steps, so that nobody learns from the answer's time which ids exist.
 */
export async function logIn(store: ClientStore, { clientId, clientSecret }: LogIn): Promise<ClientRow | undefined> {
  const row = isClientId(clientId) ? await store.findForLogIn(clientId) : undefined
  const isRight = sameSecret(hashClientSecret(clientSecret), row?.secretHash ?? NO_HASH)
  if (!row || !isRight || row.enabled !== 1) return undefined
  await store.noteUse(row.id)
  return row
}
