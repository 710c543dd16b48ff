/** Calls that send messages and have not been answered, in this process: what they hold in memory is bounded here. */
export interface InHand {
  /**
   * Takes a call in hand.
   * @param bytes of its body
   * @returns the call, or whose bound is reached
   */
  enter(tenantId: string, bytes: number): Held | 'tenant' | 'process'
  calls(): number
  bytes(): number
}

/** A call that is in hand. */
export interface Held {
  /** Its body is of another size. @returns whose bound would be reached: then it stays as it was */
  resize(bytes: number): 'tenant' | 'process' | undefined
  letGo(): void
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
      if (!fits(all, { calls: 1, bytes }, MOST)) return 'process'
      if (!fits(own, { calls: 1, bytes }, MOST_OF_TENANT)) return 'tenant'
      byTenant.set(tenantId, own)
      const change = (by: Load) => {
        for (const load of [all, own]) {
          load.calls += by.calls
          load.bytes += by.bytes
        }
      }
      change({ calls: 1, bytes })
      let held = bytes
      let isHeld = true
      return {
        resize(to) {
          // Its caller may have gone while it was read.
          if (!isHeld) return undefined
          const more = { calls: 0, bytes: to - held }
          if (!fits(all, more, MOST)) return 'process'
          if (!fits(own, more, MOST_OF_TENANT)) return 'tenant'
          change(more)
          held = to
          return undefined
        },
        letGo() {
          isHeld = false
          change({ calls: -1, bytes: -held })
          if (own.calls === 0) byTenant.delete(tenantId)
        },
      }
    },
    calls: () => all.calls,
    bytes: () => all.bytes,
  }
}

function fits(load: Load, more: Load, most: Load): boolean {
  return load.calls + more.calls <= most.calls && load.bytes + more.bytes <= most.bytes
}
