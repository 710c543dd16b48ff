import { LRUCache } from 'lru-cache'

/** The right to make one callback now. */
export interface CallbackSlot {
  /** @param answered whether the receiver answered at all, whatever it said; undefined where it was not called */
  release(answered: boolean | undefined): void
}

export interface CallbackSlots {
  /** A slot; undefined where the tenant, or the receiver, holds as many as it may. */
  take(tenantId: string, origin: string): CallbackSlot | undefined
}

/** Receivers that are remembered as silent; one that is forgotten is merely given more slots again. */
const MAX_SILENT = 10_000
/** A silent receiver is asked by one call at a time. */
const PROBES = 1

/**
 * Shares out the slots of this process, so that no receiver that hangs takes those of others: a tenant holds half of them at
 * most, and so does a receiver (an origin), until a call to it ends without an answer; from then on it holds one, until it
 * answers again.
 * @param total calls at once in this process
 */
export function createCallbackSlots(total: number): CallbackSlots {
  const share = Math.max(1, Math.floor(total / 2))
  const held = new Map<string, number>()
  const silent = new LRUCache<string, true>({ max: MAX_SILENT })
  const heldBy = (holder: string) => held.get(holder) ?? 0
  const change = (holder: string, by: number) => {
    const count = heldBy(holder) + by
    if (count === 0) held.delete(holder)
    else held.set(holder, count)
  }
  return {
    take(tenantId, origin) {
      const holders = [`tenant ${tenantId}`, origin]
      if (heldBy(`tenant ${tenantId}`) >= share || heldBy(origin) >= (silent.has(origin) ? PROBES : share))
        return undefined
      for (const holder of holders) change(holder, 1)
      let released = false
      return {
        release(answered) {
          if (released) return
          released = true
          for (const holder of holders) change(holder, -1)
          if (answered === true) silent.delete(origin)
          if (answered === false) silent.set(origin, true)
        },
      }
    },
  }
}
