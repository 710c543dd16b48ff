/**
 * Reads a client's stream to Redis (RESP: arrays of bulk strings) and tells the name of each command, in lower case. What a
 * script does inside Redis is not in this stream.
 * @returns takes the stream's pieces, cut anywhere
 */
export function createRedisCommandReader(onCommand: (name: string) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  let wordsLeft = 0
  let isName = false
  let toSkip = 0

  /** Takes what begins at `at`; returns where the next thing begins, or undefined where the piece ends before that. */
  function step(buffer: Buffer, at: number): number | undefined {
    if (toSkip > 0) {
      const skipped = Math.min(toSkip, buffer.length - at)
      toSkip -= skipped
      return skipped === 0 ? undefined : at + skipped
    }
    const lineEnd = buffer.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const length = Number(buffer.toString('latin1', at + 1, lineEnd))
    const next = lineEnd + 2
    if (wordsLeft === 0) {
      wordsLeft = length
      isName = true
      return next
    }
    if (isName) {
      if (buffer.length < next + length) return undefined
      onCommand(buffer.toString('latin1', next, next + length).toLowerCase())
      isName = false
    }
    wordsLeft -= 1
    toSkip = length + 2
    return next
  }

  return (chunk) => {
    const buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    for (let next = step(buffer, at); next !== undefined; next = step(buffer, at)) at = next
    rest = buffer.subarray(at)
  }
}
