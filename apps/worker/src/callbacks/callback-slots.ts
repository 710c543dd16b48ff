import { LRUCache } from 'lru-cache'

/** The right to make one callback now. */
export interface CallbackSlot {
  /** @param answered whether the receiver answered at all, whatever it said; undefined where it was not called */
  release(answered: boolean | undefined): void
}

export interface CallbackSlots {
  /** A slot; or, where the tenant or the receiver holds as many as it may, when to ask again (epoch ms). */
  take(tenantId: string, origin: string): CallbackSlot | { askAgainAt: number }
}

/** A tenant, a receiver (an origin), or a tenant at a receiver. */
interface Holder {
  held: number
  /** The last call got no answer. Told of a tenant at a receiver: behind one origin may be a gateway that all of them share. */
  silent: boolean
  /** How long a call takes, on average. */
  callMs: number
  /** When the last of those that were sent away comes back, epoch ms. */
  lastReturn: number
}

/** Who is forgotten is merely given its full share again. */
const MAX_HOLDERS = 20_000
/** A receiver that is silent is asked by one call of the tenant's at a time. */
const PROBES = 1
const FIRST_GUESS_MS = 50
/** Those that are sent away come back a little faster than slots become free, so that none is left unused. */
const HASTE = 0.8
/** However long the line is, a receiver that has come back is noticed by then; and a long line costs little. */
const LONGEST_WAIT_MS = 60_000

/**
 * Shares out the slots of this process, so that no receiver that hangs takes those of others: a tenant holds half of them at
 * most, and so does a receiver. A tenant whose call to a receiver ends without an answer holds one there, until it answers him again.
 * Whoever finds no slot is sent away until its turn may have come, by how long calls take and how many were sent away before.
 * @param total calls at once in this process
 * @param now epoch ms
 */
export function createCallbackSlots(total: number, now: () => number = Date.now): CallbackSlots {
  const share = Math.max(1, Math.floor(total / 2))
  const holders = new LRUCache<string, Holder>({ max: MAX_HOLDERS })
  function holderOf(key: string): Holder {
    let holder = holders.get(key)
    if (!holder) {
      holder = { held: 0, silent: false, callMs: FIRST_GUESS_MS, lastReturn: 0 }
      holders.set(key, holder)
    }
    return holder
  }
  return {
    take(tenantId, origin) {
      const [tenant, receiver] = [holderOf(`tenant ${tenantId}`), holderOf(origin)]
      const there = holderOf(`${tenantId} ${origin}`)
      if (there.silent && there.held >= PROBES) return { askAgainAt: sendAway(there, PROBES, now()) }
      for (const holder of [receiver, tenant])
        if (holder.held >= share) return { askAgainAt: sendAway(holder, share, now()) }
      const takenAt = now()
      const holders = [tenant, receiver, there]
      for (const holder of holders) holder.held += 1
      return {
        release(answered) {
          for (const holder of holders) {
            holder.held -= 1
            if (answered !== undefined) holder.callMs += (now() - takenAt - holder.callMs) / 4
          }
          if (answered !== undefined) there.silent = !answered
        },
      }
    },
  }
}

function sendAway(holder: Holder, slots: number, now: number): number {
  const next = Math.max(now, holder.lastReturn) + (HASTE * holder.callMs) / slots
  if (next > now + LONGEST_WAIT_MS) return now + LONGEST_WAIT_MS * (0.5 + Math.random() / 2)
  holder.lastReturn = next
  return Math.ceil(next)
}
