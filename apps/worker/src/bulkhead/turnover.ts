/** How much one more free slot changes the average: the last twenty or so count. */
const NEW_GAP_WEIGHT = 1 / 16

/** How fast somebody's slots get free again. Times are those of performance.now(). */
export interface Turnover {
  took(now: number): void
  gaveBack(now: number): void
  /** Until the next slot gets free, in ms: as it was lately, or longer where it already takes longer. */
  gapMs(now: number): number
  /** Slots in use. */
  held(): number
}

export function createTurnover(): Turnover {
  let held = 0
  /** When a slot last became free; where none has yet, when the first was taken. */
  let lastFreeAt = 0
  let averageGapMs = 0
  return {
    took(now) {
      if (held === 0) lastFreeAt = now
      held += 1
    },
    gaveBack(now) {
      held -= 1
      averageGapMs += (now - lastFreeAt - averageGapMs) * NEW_GAP_WEIGHT
      lastFreeAt = now
    },
    gapMs: (now) => Math.max(averageGapMs, now - lastFreeAt),
    held: () => held,
  }
}
