import { createHash, randomBytes } from 'node:crypto'
import { AppError } from '../contracts/errors.ts'
import type { RedisConnection } from '../queues/redis.ts'
import type { Reader } from './readers.ts'

export const TICKET_SECONDS = 60
const TICKET = /^[A-Za-z0-9_-]{43}$/

/** What a ticket opens, and by whose token it was given. */
export interface TicketGrant {
  reader: Reader
  /** The verified claims of that token: where it no longer counts, neither does the ticket. */
  claims: Record<string, unknown>
}

/** Short-lived stand-ins for a bearer token in a place that takes no headers. Good any number of times until they end. */
export interface Tickets {
  /** @throws AppError UNAVAILABLE while Redis is away */
  issue(grant: TicketGrant): Promise<string>
  /** @throws AppError UNAUTHORIZED, or UNAVAILABLE while Redis is away */
  redeem(ticket: unknown): Promise<TicketGrant>
}

/** Tickets are kept by their hash: who can read Redis finds none that could be used. */
export function createTickets(redis: RedisConnection, keyPrefix: string): Tickets {
  const keyOf = (ticket: string) => `${keyPrefix}:${createHash('sha256').update(ticket).digest('base64url')}`
  return {
    async issue(grant) {
      const ticket = randomBytes(32).toString('base64url')
      await orUnavailable(redis.set(keyOf(ticket), JSON.stringify(grant), 'EX', TICKET_SECONDS))
      return ticket
    },
    async redeem(ticket) {
      const known =
        typeof ticket === 'string' && TICKET.test(ticket) ? await orUnavailable(redis.get(keyOf(ticket))) : null
      if (known === null) throw new AppError('UNAUTHORIZED', 'the ticket is not valid, or its 60 seconds are over')
      return JSON.parse(known)
    },
  }
}

async function orUnavailable<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    throw new AppError('UNAVAILABLE', 'tickets cannot be had just now', {}, { cause: error })
  }
}
