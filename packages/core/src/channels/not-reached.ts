/** How many were not reached for a reason, and the first of them. */
interface Tally {
  count: number
  first: string[]
}
/** By reason. Small however many they are, so that it can be kept with the task. */
export type NotReached = Record<string, Tally>

const NAMED = 10

/** Adds recipients to a tally. */
export function addNotReached(tally: NotReached, reason: string, recipients: readonly string[]): NotReached {
  if (recipients.length === 0) return tally
  const { count, first } = tally[reason] ?? { count: 0, first: [] }
  return { ...tally, [reason]: { count: count + recipients.length, first: [...first, ...recipients].slice(0, NAMED) } }
}

/** All of several tallies. */
export function mergeNotReached(...tallies: readonly NotReached[]): NotReached {
  const merged: NotReached = {}
  for (const [reason, { count, first }] of tallies.flatMap((tally) => Object.entries(tally))) {
    const known = merged[reason] ?? { count: 0, first: [] }
    merged[reason] = { count: known.count + count, first: [...known.first, ...first].slice(0, NAMED) }
  }
  return merged
}

export function countNotReached(tally: NotReached): number {
  return Object.values(tally).reduce((sum, { count }) => sum + count, 0)
}

/** For people: `not reached: u8, u9 (unknown user id); u7 (no licence)`; '' where all were reached. */
export function describeNotReached(tally: NotReached): string {
  const groups = Object.entries(tally).map(([reason, { count, first }]) => {
    const more = count > first.length ? ` and ${count - first.length} more` : ''
    return `${first.join(', ')}${more} (${reason})`
  })
  return groups.length === 0 ? '' : `not reached: ${groups.join('; ')}`
}
