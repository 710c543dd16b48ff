import type { TraceAttempt } from '../contracts/messages.ts'
import type { ClaimedTask } from './claim-tasks.ts'

/** The attempts of a task so far, with one more. `stored` is the column as it was read. */
export function withAttempt(stored: string | null, attempt: Omit<TraceAttempt, 'attempt'>): TraceAttempt[] {
  const before = parse(stored)
  return [...before, { attempt: (before.at(-1)?.attempt ?? 0) + 1, ...attempt }]
}

/** When a task was first tried since `retriedAt`, epoch ms; undefined where it never was. */
export function firstAttemptAt({
  attempts,
  retriedAt,
}: Pick<ClaimedTask, 'attempts' | 'retriedAt'>): number | undefined {
  const times = parse(attempts).map(({ at }) => Date.parse(at))
  return times.find((time) => time >= (retriedAt?.getTime() ?? 0))
}

/** The outcome of an attempt that went out with others and was refused: each goes alone from then on. */
export const SPLIT = 'split'

/** Whether the provider has refused a message that this task was part of, since `retriedAt`. */
export function mustGoAlone({ attempts, retriedAt }: Pick<ClaimedTask, 'attempts' | 'retriedAt'>): boolean {
  return parse(attempts).some(({ at, outcome }) => outcome === SPLIT && Date.parse(at) >= (retriedAt?.getTime() ?? 0))
}

function parse(stored: string | null): TraceAttempt[] {
  return stored === null ? [] : (JSON.parse(stored) as TraceAttempt[])
}
