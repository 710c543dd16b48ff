import type { TraceAttempt } from '@message-center/core/contracts/messages.ts'

/** The attempts of a task so far, with one more. `stored` is the column as it was read. */
export function withAttempt(stored: string | null, attempt: Omit<TraceAttempt, 'attempt'>): TraceAttempt[] {
  const before = stored === null ? [] : (JSON.parse(stored) as TraceAttempt[])
  return [...before, { attempt: (before.at(-1)?.attempt ?? 0) + 1, ...attempt }]
}
