import fastifyRateLimit from '@fastify/rate-limit'
import type { SettingsSource } from '@message-center/core/configs/settings-source.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

const MINUTE_MS = 60_000
/** Clients whose counts are kept; the one that called longest ago is forgotten first. */
const MAX_CLIENTS = 10_000

/**
 * Calls per client (tenant and `sub`) and minute: the dynamic setting `apiRequestsPerMinute`. Counted in this process, so
 * that a call costs no round trip; it guards a process against one client, not a quota. After the auth plugin.
 */
export const rateLimitPlugin = fp(
  async (app: FastifyInstance, { settings }: { settings: SettingsSource }) => {
    await app.register(fastifyRateLimit, { global: false, cache: MAX_CLIENTS })
    const check = app.createRateLimit({
      timeWindow: MINUTE_MS,
      max: async ({ caller }) => (await settings(caller.tenantId)).apiRequestsPerMinute,
      keyGenerator: ({ caller }) => `${caller.tenantId} ${caller.subject}`,
    })
    app.addHook('onRequest', async (request) => {
      // Public routes have no caller; the one that takes secrets limits failures by itself.
      if (request.caller === undefined) return
      const state = await check(request)
      if (state.isAllowed || !state.isExceeded) return
      throw new AppError('TOO_MANY_REQUESTS', `more than ${state.max} calls a minute`, {
        retryAfterSeconds: state.ttlInSeconds,
      })
    })
  },
  { name: 'rate-limit', dependencies: ['auth'] },
)
