import type { Pool } from 'mysql2/promise'
import { readBooks } from '../books/hourly-books.ts'

/** The label of every tenant that is not named. */
export const OTHER_TENANTS = 'other'
const REFRESH_MS = 30_000

/** Which tenants have time series of their own: the busiest of this hour and the last, by the books. */
export interface TenantClasses {
  /** The tenant's id where it is named, else `other`. */
  classOf(tenantId: string): string
  /** Resolves when the books have been read anew. */
  refresh(): Promise<void>
  stop(): void
}

/**
 * All processes go by the books, so that they name the same tenants.
 * @param most how many may be named
 * @param onLeave told of tenants that are not named any more
 */
export function createTenantClasses(deps: {
  pool: Pool
  most(): Promise<number>
  onLeave(tenants: readonly string[]): void
  onError(error: unknown): void
}): TenantClasses {
  let named: ReadonlySet<string> = new Set()

  async function refresh(): Promise<void> {
    try {
      const [books, most] = await Promise.all([readBooks(deps.pool, 2), deps.most()])
      const former = named
      named = new Set(busiest(books.map(({ topTenants }) => topTenants)).slice(0, most))
      const left = [...former].filter((tenantId) => !named.has(tenantId))
      if (left.length > 0) deps.onLeave(left)
    } catch (error) {
      deps.onError(error)
    }
  }
  const timer = setInterval(refresh, REFRESH_MS)
  timer.unref()
  void refresh()
  return {
    classOf: (tenantId) => (named.has(tenantId) ? tenantId : OTHER_TENANTS),
    refresh,
    stop: () => clearInterval(timer),
  }
}

/** Tenant ids by the sum of their messages, the busiest first. */
function busiest(lists: readonly string[]): string[] {
  const sums = new Map<string, number>()
  for (const list of lists) {
    for (const [tenantId, messages] of JSON.parse(list) as [string, number][]) {
      sums.set(tenantId, (sums.get(tenantId) ?? 0) + messages)
    }
  }
  return [...sums].sort(([, a], [, b]) => b - a).map(([tenantId]) => tenantId)
}
