import { desc, eq } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/mysql2'
import type { Pool } from 'mysql2/promise'
import { createTenantCache } from '../configs/tenant-cache.ts'
import { type CallbackSecretRow, callbackSecrets } from '../schema/callback-secrets.ts'

/** A secret as it is stored: encrypted. */
export type StoredSecret = Pick<CallbackSecretRow, 'id' | 'tenantId' | 'secret' | 'expireTime'>
/** A tenant's secrets, newest first; `signing` tells which of them sign. */
export type SigningSecrets = (tenantId: string) => Promise<readonly StoredSecret[]>

/**
 * Cached look-up (docs/adr/0007). That there is none is asked anew each time: who makes a secret may use it at once, and
 * whoever has none is refused.
 */
export function createSigningSecrets(pool: Pool, changes: Parameters<typeof createTenantCache>[1]): SigningSecrets {
  const db = drizzle(pool)
  const { id, tenantId: owner, secret, expireTime } = callbackSecrets
  // Awaited here: a query of Drizzle's runs anew each time that somebody waits for it.
  const load = async (tenantId: string): Promise<StoredSecret[]> =>
    await db
      .select({ id, tenantId: owner, secret, expireTime })
      .from(callbackSecrets)
      .where(eq(owner, tenantId))
      .orderBy(desc(id))
  const cached = createTenantCache<readonly StoredSecret[]>(load, changes)
  return async (tenantId) => {
    const known = await cached(tenantId, '')
    return known.length > 0 ? known : load(tenantId)
  }
}
