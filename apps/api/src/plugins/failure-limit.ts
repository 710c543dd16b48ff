import { normalizeIP } from '@fastify/rate-limit'
import { AppError } from '@message-center/core/contracts/errors.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'

/** Refuses those who have failed too often lately, before they are listened to again. */
export interface FailureLimit<Request> {
  /** @throws AppError TOO_MANY_REQUESTS */
  refuseIfExceeded(request: Request): Promise<void>
  count(request: Request): Promise<void>
}

/**
 * Counts failures per address (an IPv6 network of 64 bits counts as one) in fixed minutes, in this process.
 * @param whoOf what else tells those apart who are counted
 */
export function createFailureLimit<Request extends FastifyRequest>(
  app: Pick<FastifyInstance, 'createRateLimit'>,
  perMinute: number,
  whoOf: (request: Request) => string = () => '',
): FailureLimit<Request> {
  const check = app.createRateLimit({
    max: perMinute,
    timeWindow: 60_000,
    keyGenerator: (request) => `${normalizeIP(request.ip)} ${whoOf(request as Request)}`,
  })
  return {
    async refuseIfExceeded(request) {
      const state = await check(request, { increment: false })
      if (state.isAllowed || state.remaining > 0) return
      throw new AppError('TOO_MANY_REQUESTS', 'too many failed attempts', { retryAfterSeconds: state.ttlInSeconds })
    },
    async count(request) {
      await check(request)
    },
  }
}
