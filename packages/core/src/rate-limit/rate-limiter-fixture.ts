import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import type { Candidate } from './operations.ts'
import { createRateLimiter, type RateLimiterOptions } from './rate-limiter.ts'

export const HOUR = 3_600_000
export const DAY = 24 * HOUR
/** How long a condition may take to come true. */
export const POLL = { timeout: 20_000 }

/** A connection to the tests' Redis. */
export function connect(): Redis {
  return new Redis(process.env.REDIS_URL ?? '')
}

/** A limiter on keys of its own, unless told otherwise. */
export function limiterFor(options: Pick<RateLimiterOptions, 'redis'> & Partial<RateLimiterOptions>) {
  const keyPrefix = `{rate-${randomUUID()}}`
  const onSettleError = (error: unknown) => {
    throw error
  }
  return {
    limiter: createRateLimiter({ keyPrefix, onSettleError, ...options }),
    keyPrefix: options.keyPrefix ?? keyPrefix,
  }
}

export function limitOf(
  configId: string,
  count: number,
  windowMs: number,
  policy: Candidate['policy'] = 'REJECT',
): Candidate {
  return { configId, count, windowMs, policy }
}

/** `m0`, `m1`, … */
export function names(count: number, prefix = 'm'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`)
}
