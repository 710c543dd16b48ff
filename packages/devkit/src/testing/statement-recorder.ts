import { once } from 'node:events'
import { type AddressInfo, createServer, connect as openSocket, type Socket } from 'node:net'

const QUERY = 0x03
const PREPARE = 0x16
/** Where both ends know query attributes, a statement begins with how many there are (0), in how many sets (1). */
const NO_ATTRIBUTES = Buffer.from([0, 1])
const HEADER_BYTES = 4

/** What stands between processes and their database and writes down every statement that they really send. */
export interface StatementRecorder {
  /** The database's URL by way of the recorder. */
  databaseUrl: string
  /** Each statement with its values, in the order in which they were first sent; without those that came again. */
  statements(): string[]
  close(): Promise<void>
}

/**
 * Starts one. It reads the client's side of MySQL's protocol (unencrypted), of which it needs little: a packet has its length
 * in three bytes and its number in one, a command begins with packet 0.
 */
export async function startStatementRecorder(databaseUrl: string): Promise<StatementRecorder> {
  const target = new URL(databaseUrl)
  const seen = new Set<string>()
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const database = openSocket(Number(target.port), target.hostname)
    for (const [socket, other] of [
      [client, database],
      [database, client],
    ] as const) {
      open.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        open.delete(socket)
        other.destroy()
      })
    }
    client.on(
      'data',
      commandReader((statement) => seen.add(statement)),
    )
    client.pipe(database)
    database.pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(databaseUrl)
  url.port = String((server.address() as AddressInfo).port)
  return {
    databaseUrl: url.href,
    statements: () => [...seen],
    async close() {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}

/** Puts the client's bytes together to packets, and tells the statements among them. */
function commandReader(onStatement: (statement: string) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + rest.readUIntLE(0, 3)
      if (rest.length < end) return
      const [number, command] = [rest[3], rest[HEADER_BYTES]]
      const body = rest.subarray(HEADER_BYTES + 1, end)
      if (number === 0 && command === QUERY) onStatement(statementOf(body))
      // Its values come later: what it reads could not be told from its text.
      if (number === 0 && command === PREPARE) onStatement(`PREPARE ${statementOf(body)}`)
      rest = rest.subarray(end)
    }
  }
}

function statementOf(body: Buffer): string {
  const text = body.subarray(0, 2).equals(NO_ATTRIBUTES) ? body.subarray(2) : body
  return text.toString().replace(/\s+/g, ' ').trim()
}
