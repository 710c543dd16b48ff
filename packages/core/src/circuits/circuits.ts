import type { ErrorClass } from '../channels/channel-error.ts'
import type { CandidateConfig } from '../configs/candidates.ts'
import type { CircuitEntry, CircuitStore } from './circuit-store.ts'

/** What one call of a provider says about its config. */
export type CallOutcome = 'SUCCESS' | ErrorClass

/** How this process takes part in the circuits: it notes what its calls come to, and routes by what all have noted. */
export interface Circuits {
  /** Never rejects, and costs nothing as long as a config works. */
  note(config: Pick<CandidateConfig, 'id' | 'channelType'>, outcome: CallOutcome): void
  /**
   * The candidates in the order in which they are to be tried, as `priority` says: rested ones come last, in case nobody else
   * has room; one that is due a probe comes first, for one message.
   */
  ranked(candidates: readonly CandidateConfig[]): Promise<readonly CandidateConfig[]>
  stop(): void
}

const LOOK_EVERY_MS = 1_000
/** Behind every priority that a config may have. */
const RESTED = 10_000_000
const FIRST = -1

export interface CircuitsOptions {
  store: CircuitStore
  /** Hears of trouble with Redis; routing then goes by what was known last. */
  onError(error: unknown): void
  /** Hears every second how many circuits of which channel type are open. */
  onLook(open: ReadonlyMap<string, number>): void
}

export function createCircuits({ store, onError, onLook }: CircuitsOptions): Circuits {
  let known = new Map<string, CircuitEntry>()
  /** Redis's clock less performance.now(). */
  let clockOffset = 0

  async function look(): Promise<void> {
    const { now, entries } = await store.view()
    known = entries
    clockOffset = now - performance.now()
    onLook(openByChannel(entries))
  }
  const timer = setInterval(() => void look().catch(onError), LOOK_EVERY_MS).unref()

  async function succeed(configId: string): Promise<void> {
    known.delete(configId)
    await store.succeed(configId)
  }

  async function fail(configId: string, channelType: string): Promise<void> {
    known.set(configId, await store.fail(configId, channelType))
  }

  async function mayProbe(configId: string, { probeAt }: CircuitEntry): Promise<boolean> {
    if (performance.now() + clockOffset < probeAt) return false
    try {
      return await store.takeProbe(configId)
    } catch (error) {
      onError(error)
      return false
    }
  }

  return {
    note({ id, channelType }, outcome) {
      // What fails for its own sake, or because it comes too often, says nothing about whether the provider works.
      if (outcome === 'TRANSIENT' || outcome === 'UNKNOWN') fail(id, channelType).catch(onError)
      else if (outcome === 'SUCCESS' && known.has(id)) succeed(id).catch(onError)
    },
    async ranked(candidates) {
      const [first, ...others] = candidates
      if (!first || others.length === 0) return candidates
      const rested = candidates.filter(({ id }) => known.get(id)?.open)
      if (rested.length === 0 || rested.length === candidates.length) return candidates
      // Only where it would be tried first anyway: no message risks a probe of a standby.
      const inFront = rested.filter(({ priority }) => priority === first.priority)
      let probed: string | undefined
      for (const { id } of inFront) {
        const entry = known.get(id)
        if (probed === undefined && entry && (await mayProbe(id, entry))) probed = id
      }
      const rank = (config: CandidateConfig) =>
        config.id === probed
          ? { ...config, priority: FIRST }
          : rested.includes(config)
            ? { ...config, priority: RESTED + config.priority }
            : config
      return candidates.map(rank).toSorted((a, b) => a.priority - b.priority)
    },
    stop: () => clearInterval(timer),
  }
}

function openByChannel(entries: ReadonlyMap<string, CircuitEntry>): Map<string, number> {
  const open = [...entries.values()].filter((entry) => entry.open)
  return new Map([...Map.groupBy(open, ({ channelType }) => channelType)].map(([type, list]) => [type, list.length]))
}
