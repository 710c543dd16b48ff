import type { FaultKind } from './faults/fault-kind.ts'
import { createRandom, type Random } from './random.ts'

/** A fault at its moment; what it hits follows from `random`. */
export interface PlannedFault {
  kind: FaultKind
  /** After the start, ms. */
  atMs: number
  random: Random
}

/** In 10 minutes each kind comes at least so often. */
const TIMES_IN_TEN_MINUTES = 6

/**
 * Spreads faults of each kind over the time: one at a random moment of each equal part of it, so that all kinds meet.
 * @param times of each kind, of weighty ones a multiple; by default 6 in 10 minutes, at least 1
 * @returns in the order of time
 */
export function planFaults(
  kinds: readonly FaultKind[],
  { minutes, seed, times }: { minutes: number; seed: number; times?: number },
): PlannedFault[] {
  const random = createRandom(seed)
  const each = times ?? Math.max(1, Math.ceil((minutes / 10) * TIMES_IN_TEN_MINUTES))
  const planned = kinds.flatMap((kind) => {
    const ofKind = random.fork()
    const count = each * (kind.weight ?? 1)
    // The last one has to be over before the time is; a run of seconds takes a little longer instead.
    const totalMs = minutes * 60_000
    const part = Math.max(totalMs / 2, totalMs - kind.lastsMs) / count
    return Array.from({ length: count }, (_, index) => ({
      kind,
      atMs: Math.round((index + ofKind.between(0, 1)) * part),
      random: ofKind.fork(),
    }))
  })
  return planned.sort((a, b) => a.atMs - b.atMs)
}
