import type { Random } from '../random.ts'
import type { Rig } from '../rig.ts'

/** One way to break something. */
export interface FaultKind {
  name: string
  /** How long one lasts at most, ms, repairs included: so long before the end of a run the last may begin. */
  lastsMs: number
  /** How many times as often as the others it comes, because it has so many places to come to; 1 without it. */
  weight?: number
  /** Why it cannot be injected here; undefined where it can. */
  unavailable?(rig: Rig): string | undefined
  /** Decides by the seed what is hit and how. */
  aim(random: Random, rig: Rig): Aim
}

/** A fault that is ready to be injected. */
export interface Aim {
  /** What is broken; of several faults of one target each waits for the one before. */
  target: string
  detail: string
  /** Of a slow way: by how much each piece is late, ms. */
  latencyMs?: number
  /**
   * Breaks it, waits, and repairs it.
   * @param onMoment called at each blow, where it is made of single ones
   */
  inject(onMoment: () => void): Promise<void>
}
