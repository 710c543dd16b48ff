import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** What clients have sent to a server so far. */
export interface Sent {
  commands: Record<string, number>
  bytes: number
}

/** Takes pieces of a client's stream and tells the commands in it. */
export type CommandReader = (onCommand: (name: string) => void) => (chunk: Buffer) => void

export interface CountingProxy {
  /** The URL of the server with this proxy's address instead; user, password and path stay. */
  through(url: string): string
  /** A copy of the counts. */
  sent(): Sent
  stop(): void
}

/**
 * Stands before a server and counts what its clients send, whatever else the server has to do, inside scripts or for others.
 * @param serverUrl where the server listens
 */
export async function startCountingProxy(serverUrl: string, createReader: CommandReader): Promise<CountingProxy> {
  const { hostname, port } = new URL(serverUrl)
  const counts: Sent = { commands: {}, bytes: 0 }
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port), noDelay: true })
    const read = createReader((name) => {
      counts.commands[name] = (counts.commands[name] ?? 0) + 1
    })
    client.on('data', (chunk) => {
      counts.bytes += chunk.length
      read(chunk)
    })
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket)
      socket.pipe(other)
      // Whatever ends one side ends the other: each peer sees what it would see without the proxy.
      socket.on('error', () => other.destroy())
      socket.on('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const own = server.address() as AddressInfo
  return {
    through(url) {
      const changed = new URL(url)
      changed.hostname = '127.0.0.1'
      changed.port = String(own.port)
      return changed.href
    },
    sent: () => ({ commands: { ...counts.commands }, bytes: counts.bytes }),
    stop() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** What was sent between two readings, divided by `by`. Commands that were not sent are left out. */
export function sentBetween(before: Sent, after: Sent, by = 1): Sent {
  const commands = Object.entries(after.commands)
    .map(([name, count]) => [name, (count - (before.commands[name] ?? 0)) / by] as const)
    .filter(([, count]) => count > 0)
    .toSorted(([, a], [, b]) => b - a)
  return { commands: Object.fromEntries(commands), bytes: (after.bytes - before.bytes) / by }
}

/** How many commands there are of all kinds but `except`. */
export function totalOf({ commands }: Sent, except: readonly string[] = []): number {
  return Object.entries(commands).reduce((sum, [name, count]) => (except.includes(name) ? sum : sum + count), 0)
}
