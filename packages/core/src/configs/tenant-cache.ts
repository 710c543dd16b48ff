import { LRUCache } from 'lru-cache'
import { type Invalidation, PLATFORM_TENANT } from './invalidation.ts'

const MAX_ENTRIES = 10_000
/** Upper bound of staleness should an invalidation be lost in a way that nobody noticed. */
const TTL_MS = 30_000

/** A cached look-up by tenant and a key within it. */
export type TenantCache<Value> = (tenantId: string, key: string) => Promise<Value>

/**
 * A bounded cache that loads on demand (concurrent look-ups share one load) and forgets a tenant when it is told.
 * A value that was being loaded while its tenant changed is not kept.
 */
export function createTenantCache<Value extends object>(
  load: (tenantId: string, key: string) => Promise<Value>,
  invalidation: Pick<Invalidation, 'subscribe'>,
): TenantCache<Value> {
  const byTenant = new LRUCache<string, LRUCache<string, Promise<Value>>>({ max: MAX_ENTRIES })
  invalidation.subscribe((tenantId) => {
    if (tenantId === PLATFORM_TENANT) byTenant.clear()
    else byTenant.delete(tenantId)
  })
  return async (tenantId, key) => {
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
