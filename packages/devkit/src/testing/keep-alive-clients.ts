import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'

/** What clients behind a load balancer were answered. */
export interface ClientBooks {
  /** Message ids that were answered with 202, or 200. */
  accepted: string[]
  /** Calls that got another answer, or none. */
  failed: string[]
  /** Calls that each server answered, by its URL. */
  answered: Map<string, number>
}

export interface BalancedClients {
  books: ClientBooks
  /** Resolves when every call that was begun has its answer. */
  stop(): Promise<void>
}

const PROBE_EVERY_MS = 50
const CONNECTIONS = 8

/**
 * Clients that post one message after the other over kept-alive connections to whichever server says that it is ready, as
 * those behind a load balancer do: it asks each one's `/health/ready` every 50 ms. Nothing is tried again: each call that fails
 * is one that a business system would have seen.
 * @param servers the servers of now; asked with each probe
 * @param body of the message with this id
 */
export function startBalancedClients(options: {
  servers(): readonly string[]
  token: string
  clients: number
  body(messageId: string): object
}): BalancedClients {
  const { servers, token, clients, body } = options
  const books: ClientBooks = { accepted: [], failed: [], answered: new Map() }
  const pools = new Map<string, Pool>()
  let ready: string[] = []
  let over = false

  async function isReady(server: string): Promise<boolean> {
    try {
      const answer = await fetch(`${server}/health/ready`, { signal: AbortSignal.timeout(1_000) })
      await answer.body?.cancel()
      return answer.ok
    } catch {
      return false
    }
  }

  async function probe(): Promise<void> {
    while (!over) {
      const list = servers()
      const answers = await Promise.all(list.map(isReady))
      ready = list.filter((_, index) => answers[index])
      await delay(PROBE_EVERY_MS)
    }
  }

  async function post(messageId: string, server: string): Promise<void> {
    const pool = pools.get(server) ?? new Pool(server, { connections: CONNECTIONS, pipelining: 1 })
    pools.set(server, pool)
    try {
      const { statusCode, body: answer } = await pool.request({
        method: 'POST',
        path: '/api/messages',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ messageId, ...body(messageId) }),
      })
      const text = await answer.text()
      books.answered.set(server, (books.answered.get(server) ?? 0) + 1)
      // 200: the balancer has called twice.
      if (statusCode === 202 || statusCode === 200) books.accepted.push(messageId)
      else books.failed.push(`${statusCode} ${text}`)
    } catch (error) {
      books.failed.push(String(error))
    }
  }

  async function client(number: number): Promise<void> {
    for (let index = 0; !over; ) {
      const server = ready[(number + index) % ready.length]
      if (server) await post(`rolling-${number}-${index++}`, server)
      await delay(5)
    }
  }

  const running = [probe(), ...Array.from({ length: clients }, (_, number) => client(number))]
  return {
    books,
    async stop() {
      over = true
      await Promise.all(running)
      await Promise.all([...pools.values()].map((pool) => pool.close()))
    },
  }
}
