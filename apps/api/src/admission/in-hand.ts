/** Calls that send messages and have not been answered, in this process: what they hold in memory is bounded here. */
export interface InHand {
  /**
   * Takes a call in hand.
   * @param bytes of its body
   * @returns how to let go of it, or whose bound is reached
   */
  enter(tenantId: string, bytes: number): (() => void) | 'tenant' | 'process'
  calls(): number
  bytes(): number
}

interface Load {
  calls: number
  bytes: number
}

/** A body is held once as it came and about five times as much while it is read and checked. */
const MOST: Load = { calls: 1_000, bytes: 64 * 1024 * 1024 }
/** One tenant gets half, so that his flood leaves room for the others. */
const MOST_OF_TENANT: Load = { calls: MOST.calls / 2, bytes: MOST.bytes / 2 }

export function createInHand(): InHand {
  const all: Load = { calls: 0, bytes: 0 }
  const byTenant = new Map<string, Load>()

  return {
    enter(tenantId, bytes) {
      const own = byTenant.get(tenantId) ?? { calls: 0, bytes: 0 }
      if (!fits(all, bytes, MOST)) return 'process'
      if (!fits(own, bytes, MOST_OF_TENANT)) return 'tenant'
      byTenant.set(tenantId, own)
      for (const load of [all, own]) {
        load.calls += 1
        load.bytes += bytes
      }
      return () => {
        for (const load of [all, own]) {
          load.calls -= 1
          load.bytes -= bytes
        }
        if (own.calls === 0) byTenant.delete(tenantId)
      }
    },
    calls: () => all.calls,
    bytes: () => all.bytes,
  }
}

function fits(load: Load, bytes: number, most: Load): boolean {
  return load.calls < most.calls && load.bytes + bytes <= most.bytes
}
