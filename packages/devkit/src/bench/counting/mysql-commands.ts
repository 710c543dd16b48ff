import { readPieces } from './stream-pieces.ts'

/** Command bytes of the client/server protocol that drivers use; a query goes by its first word instead. */
const COMMANDS: Record<number, string> = {
  1: 'quit',
  2: 'init-db',
  14: 'ping',
  22: 'prepare',
  23: 'execute',
  25: 'close-statement',
  31: 'reset-connection',
}
const COM_QUERY = 3
const HEADER_BYTES = 4
/** Enough of a query for its first word. */
const HEAD_BYTES = 24

/** Traffic that is no statement: it parses, opens or closes. */
export const NOT_STATEMENTS: readonly string[] = Object.values(COMMANDS).filter((name) => name !== 'execute')

/**
 * Reads a client's stream to MySQL, neither encrypted nor compressed, and tells each command: the first word of a query in
 * lower case (`insert`, `commit` …), `execute` for a prepared statement, else the command's name.
 * @returns takes the stream's pieces, cut anywhere
 */
export function createMysqlCommandReader(onCommand: (name: string) => void): (chunk: Buffer) => void {
  return readPieces((buffer, at) => {
    if (buffer.length < at + HEADER_BYTES) return undefined
    const length = buffer.readUIntLE(at, 3)
    // A command begins a new sequence; what answers the server (log-in) or goes on (more than 16 MB) does not.
    const beginsCommand = buffer[at + 3] === 0
    if (beginsCommand) {
      const start = at + HEADER_BYTES
      const end = start + Math.min(length, HEAD_BYTES)
      if (buffer.length < end) return undefined
      onCommand(commandName(buffer.subarray(start, end)))
    }
    return { next: at + HEADER_BYTES, toSkip: length }
  })
}

function commandName(head: Buffer): string {
  const command = head[0] ?? 0
  if (command !== COM_QUERY) return COMMANDS[command] ?? `command-${command}`
  return /[a-z]+/.exec(head.toString('latin1', 1).toLowerCase())?.[0] ?? 'query'
}
