import type { Backlog, Waiting } from './read-backlog.ts'

export interface BacklogWatch {
  /** What waits now as far as this process knows: the last look, and what was accepted here since. */
  current(tenantId: string): { all: Waiting; tenant: Waiting; redisMemoryShare: number }
  /** Messages of a tenant were accepted, to be sent at once. */
  add(tenantId: string, messages: number): void
  close(): Promise<void>
}

const EVERY_MS = 1_000
/** Looking may take this share of the time; where it takes long, it is done less often. */
const MOST_OF_THE_TIME = 0.1
/** But no less often than this: looks are slow just when the system is busy, and what has drained must be seen soon. */
const AT_LEAST_EVERY_MS = 3_000

const NOTHING: Waiting = { messages: 0, oldestSeconds: 0 }

/**
 * Looks at the backlog once a second, so that no request has to. Between two looks, and for as long as looking fails, what
 * this process accepts is added to what was seen: without a look nobody is refused for good, nor accepted without end.
 * @param onError told once for each time that looking begins to fail
 */
export function watchBacklog(read: () => Promise<Backlog>, onError: (error: unknown) => void): BacklogWatch {
  let seen: Backlog = { all: NOTHING, tenants: new Map(), redisMemoryShare: 0 }
  /** Accepted since the last look began; while one is under way, `earlier` holds what came before it began. */
  let accepted = new Map<string, number>()
  let earlier = new Map<string, number>()
  let failing = false
  let closed = false
  let timer: NodeJS.Timeout | undefined
  let looking = look()

  async function look(): Promise<void> {
    const startedAt = performance.now()
    earlier = accepted
    accepted = new Map()
    try {
      seen = await read()
      failing = false
    } catch (error) {
      // It is not in what was seen: it still counts.
      for (const [tenantId, messages] of earlier) add(tenantId, messages)
      if (!failing) onError(error)
      failing = true
    }
    earlier = new Map()
    const tookMs = performance.now() - startedAt
    const pauseMs = Math.min(AT_LEAST_EVERY_MS, Math.max(EVERY_MS, tookMs / MOST_OF_THE_TIME))
    if (!closed) timer = setTimeout(lookAgain, pauseMs)
  }

  function lookAgain(): void {
    looking = look()
  }

  function add(tenantId: string, messages: number): void {
    accepted.set(tenantId, (accepted.get(tenantId) ?? 0) + messages)
  }

  return {
    current(tenantId) {
      const since = [earlier, accepted]
      const ofTenant = since.reduce((sum, counts) => sum + (counts.get(tenantId) ?? 0), 0)
      const ofAll = since.reduce((sum, counts) => sum + total(counts), 0)
      const tenant = seen.tenants.get(tenantId) ?? NOTHING
      return {
        all: { ...seen.all, messages: seen.all.messages + ofAll },
        tenant: { ...tenant, messages: tenant.messages + ofTenant },
        redisMemoryShare: seen.redisMemoryShare,
      }
    },
    add,
    async close() {
      closed = true
      clearTimeout(timer)
      await looking
    },
  }
}

function total(counts: ReadonlyMap<string, number>): number {
  let sum = 0
  for (const count of counts.values()) sum += count
  return sum
}
