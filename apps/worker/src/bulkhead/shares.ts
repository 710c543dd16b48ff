/** Who a slot is for: a tenant, and what of its own can hang by itself (a channel config, a callback's host). */
export interface Holder {
  tenantId: string
  key: string
}

/** Who holds how many of a worker's slots, and who may take one more. */
export interface Shares {
  /** Whose share is in use; undefined where the holder may take one more slot. */
  inUse(holder: Holder): 'tenant' | 'key' | undefined
  take(holder: Holder): void
  giveBack(holder: Holder): void
}

/** A holder may have so many times what would then still be free to others. */
const TIMES_WHAT_IS_FREE = 4

/**
 * Shares by dynamic thresholds (Choudhury and Hahne's, known from the buffers of switches), once between tenants and once
 * within each: whoever holds none takes any free slot; whoever holds some takes another one while that leaves a quarter of
 * his own free. Alone, a tenant gets 4/5 of all and one of its keys 4/5 of that; as others come, those who hold too many
 * get none back until all hold alike, and some always stay free.
 */
export function createShares(slots: number): Shares {
  const held = new Map<string, number>()
  let taken = 0
  const heldBy = (name: string) => held.get(name) ?? 0
  const add = (name: string, count: number) => {
    const now = heldBy(name) + count
    if (now === 0) held.delete(name)
    else held.set(name, now)
  }
  const change = ({ tenantId, key }: Holder, count: number) => {
    taken += count
    add(tenantId, count)
    add(nameOf(tenantId, key), count)
  }
  return {
    inUse({ tenantId, key }) {
      const ofTenant = heldBy(tenantId)
      const free = slots - taken
      if (!allows(ofTenant, free)) return 'tenant'
      // What the tenant could have if it took all that it may: its keys share that.
      const most = Math.floor(((free + ofTenant) * TIMES_WHAT_IS_FREE) / (TIMES_WHAT_IS_FREE + 1))
      const ofKey = heldBy(nameOf(tenantId, key))
      return ofKey === 0 || allows(ofKey, most - ofTenant) ? undefined : 'key'
    },
    take: (holder) => change(holder, 1),
    giveBack: (holder) => change(holder, -1),
  }
}

function allows(held: number, free: number): boolean {
  return free > 0 && (held === 0 || held + 1 <= TIMES_WHAT_IS_FREE * (free - 1))
}

function nameOf(tenantId: string, key: string): string {
  return `${tenantId}/${key}`
}
