import { readPieces } from './stream-pieces.ts'

/**
 * Reads a client's stream to Redis (RESP: arrays of bulk strings) and tells the name of each command, in lower case. What a
 * script does inside Redis is not in this stream.
 * @returns takes the stream's pieces, cut anywhere
 */
export function createRedisCommandReader(onCommand: (name: string) => void): (chunk: Buffer) => void {
  let wordsLeft = 0
  let isName = false

  return readPieces((buffer, at) => {
    const lineEnd = buffer.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const length = Number(buffer.toString('latin1', at + 1, lineEnd))
    const next = lineEnd + 2
    if (wordsLeft === 0) {
      wordsLeft = length
      isName = true
      return { next, toSkip: 0 }
    }
    if (isName) {
      if (buffer.length < next + length) return undefined
      onCommand(buffer.toString('latin1', next, next + length).toLowerCase())
      isName = false
    }
    wordsLeft -= 1
    return { next, toSkip: length + 2 }
  })
}
