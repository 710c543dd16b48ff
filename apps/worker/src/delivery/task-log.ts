import type { TraceAttempt } from '@message-center/core/contracts/messages.ts'

/** The attempts of a task so far, with one more. `stored` is the column as it was read. */
export function withAttempt(stored: string | null, attempt: Omit<TraceAttempt, 'attempt'>): TraceAttempt[] {
  const before = parse(stored)
  return [...before, { attempt: (before.at(-1)?.attempt ?? 0) + 1, ...attempt }]
}

/** When a task was first tried, epoch ms; undefined where it never was. */
export function firstAttemptAt(stored: string | null): number | undefined {
  const [first] = parse(stored)
  return first && Date.parse(first.at)
}

/** The outcome of an attempt that went out with others and was refused: each goes alone from then on. */
export const SPLIT = 'split'

/** Whether the provider has refused a message that this task was part of. */
export function mustGoAlone(stored: string | null): boolean {
  return parse(stored).some(({ outcome }) => outcome === SPLIT)
}

function parse(stored: string | null): TraceAttempt[] {
  return stored === null ? [] : (JSON.parse(stored) as TraceAttempt[])
}
