import { LRUCache } from 'lru-cache'
import { PLATFORM_TENANT } from '../contracts/caller.ts'
import type { ConfigChanges } from './watch-changes.ts'

const MAX_ENTRIES = 10_000
/** For rows that somebody changes by hand, past the API. */
const TTL_MS = 30_000

/** A cached look-up by tenant and a key within it. */
export type TenantCache<Value> = (tenantId: string, key: string) => Promise<Value>

/**
 * A bounded cache that loads on demand (concurrent look-ups share one load) and forgets a tenant that has changed.
 * A value that was being loaded while its tenant changed is not kept.
 */
export function createTenantCache<Value extends object>(
  load: (tenantId: string, key: string) => Promise<Value>,
  changes: Pick<ConfigChanges, 'subscribe' | 'caughtUp'>,
): TenantCache<Value> {
  const byTenant = new LRUCache<string, LRUCache<string, Promise<Value>>>({ max: MAX_ENTRIES })
  changes.subscribe((tenantId) => {
    if (tenantId === PLATFORM_TENANT) byTenant.clear()
    else byTenant.delete(tenantId)
  })
  return async (tenantId, key) => {
    const catchingUp = changes.caughtUp()
    if (catchingUp) await catchingUp
    let entries = byTenant.get(tenantId)
    if (!entries) {
      entries = new LRUCache({ max: MAX_ENTRIES, ttl: TTL_MS })
      byTenant.set(tenantId, entries)
    }
    const cached = entries.get(key)
    if (cached) return cached
    const loading = load(tenantId, key)
    entries.set(key, loading)
    loading.catch(() => entries.delete(key))
    return loading
  }
}
