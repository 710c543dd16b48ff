/** Remembers keys until they expire; the oldest leave first when there are too many. */
export interface RecentKeys {
  has(key: string, now: number): boolean
  add(key: string, expiresAt: number): void
  clear(): void
}

/** Creates a memory of at most `capacity` keys. */
export function createRecentKeys(capacity: number): RecentKeys {
  const expiries = new Map<string, number>()
  return {
    has(key, now) {
      const expiresAt = expiries.get(key)
      return expiresAt !== undefined && expiresAt > now
    },
    add(key, expiresAt) {
      expiries.delete(key)
      expiries.set(key, expiresAt)
      if (expiries.size > capacity) dropOldest(expiries)
    },
    clear: () => expiries.clear(),
  }
}

/** Removes the entry that was added first. */
export function dropOldest(map: Map<string, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key)
    return
  }
}
