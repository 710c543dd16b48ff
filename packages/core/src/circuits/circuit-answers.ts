import type { CircuitAnswer } from '../contracts/channel-configs.ts'
import type { CircuitEntry, CircuitStore } from './circuit-store.ts'

/** What people are shown of circuits, and may reset. */
export interface CircuitAnswers {
  /** Of these configs, in their order. Never rejects: without Redis they are UNKNOWN. */
  of(configIds: readonly string[]): Promise<CircuitAnswer[]>
  /** Closes a circuit whose config was changed: the next message tries it. */
  forget(configId: string): Promise<void>
}

/** @param onError hears of trouble with Redis */
export function createCircuitAnswers(store: CircuitStore, onError: (error: unknown) => void): CircuitAnswers {
  return {
    async of(configIds) {
      try {
        const { now, entries } = await store.view()
        return configIds.map((id) => answerOf(entries.get(id), now))
      } catch (error) {
        onError(error)
        return configIds.map(() => ({ state: 'UNKNOWN' }))
      }
    },
    async forget(configId) {
      await store.succeed(configId).catch(onError)
    },
  }
}

function answerOf(entry: CircuitEntry | undefined, now: number): CircuitAnswer {
  if (!entry?.open) return { state: 'CLOSED' }
  return {
    state: entry.probing || now >= entry.probeAt ? 'HALF_OPEN' : 'OPEN',
    since: new Date(entry.since).toISOString(),
    nextProbeAt: new Date(entry.probeAt).toISOString(),
  }
}
