/** Numbers that a seed decides: the same seed, the same numbers. */
export interface Random {
  /** From `min` up to, not including, `max`. */
  between(min: number, max: number): number
  /** A whole number, both ends included. */
  integer(min: number, max: number): number
  chance(probability: number): boolean
  pick<T>(list: readonly [T, ...T[]]): T
  pick<T>(list: readonly T[]): T
  /** A stream of its own, so that what is drawn here does not move what is drawn elsewhere. */
  fork(): Random
}

/** Mulberry32 (public domain, T. Ettinger): small, and even enough for choosing moments and targets. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const integer = (min: number, max: number) => min + Math.floor(next() * (max - min + 1))
  return {
    between: (min, max) => min + next() * (max - min),
    integer,
    chance: (probability) => next() < probability,
    pick<T>(list: readonly T[]): T {
      const picked = list[integer(0, list.length - 1)]
      if (picked === undefined) throw new RangeError('nothing to pick from')
      return picked
    },
    fork: () => createRandom(Math.floor(next() * 2 ** 32)),
  }
}
