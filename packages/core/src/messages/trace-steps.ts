import type { TraceStep } from '../contracts/messages.ts'

/** The column holds 64 KiB: of a message that was run again and again the oldest steps go. */
const MAX_BYTES = 60_000

/** The value of the column `steps` with these added. `stored` is the column as it was read. */
export function withSteps(stored: string | null, added: readonly TraceStep[]): string {
  const steps = [...(stored === null ? [] : (JSON.parse(stored) as TraceStep[])), ...added]
  let json = JSON.stringify(steps)
  while (steps.length > 1 && Buffer.byteLength(json) > MAX_BYTES) {
    steps.shift()
    json = JSON.stringify(steps)
  }
  return json
}
