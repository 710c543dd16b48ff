/** What stands at a place of a stream: where the next thing begins, and how many bytes lie between that are of no interest. */
export interface Step {
  next: number
  toSkip: number
}

/**
 * Goes through a stream that comes in pieces cut anywhere.
 * @param read looks at what begins at `at`; undefined where the piece ends before that can be told
 * @returns takes the pieces
 */
export function readPieces(read: (buffer: Buffer, at: number) => Step | undefined): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  let toSkip = 0

  return (chunk) => {
    const buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    for (;;) {
      const skipped = Math.min(toSkip, buffer.length - at)
      toSkip -= skipped
      at += skipped
      const step = toSkip > 0 ? undefined : read(buffer, at)
      if (step === undefined) break
      at = step.next
      toSkip = step.toSkip
    }
    rest = buffer.subarray(at)
  }
}
