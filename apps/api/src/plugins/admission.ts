import type { SettingsSource } from '@message-center/core/configs/settings-source.ts'
import type { Acceptor } from '@message-center/core/messages/accept.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { InHand } from '../admission/in-hand.ts'
import { type Limits, type RefusalReason, refusal, refusalFor } from '../admission/refusal.ts'
import { createReservations } from '../admission/reservations.ts'
import type { BacklogWatch } from '../admission/watch-backlog.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The call brings messages to send: it is refused under overload. */
    sends?: true
  }
  interface FastifyRequest {
    /** Takes off what the call has reserved; null where it reserved nothing. */
    unreserve: (() => void) | null
  }
}

export interface AdmissionOptions {
  settings: SettingsSource
  backlog: BacklogWatch
  inHand: InHand
  acceptor: Pick<Acceptor, 'depth'>
  onRefused(reason: RefusalReason): void
}

/**
 * Refuses calls that send while too much waits, before their body is read (docs/adr/0026). Knows all it needs: no call
 * costs a look at MySQL or Redis. After the auth plugin.
 */
export const admissionPlugin = fp(
  async (app: FastifyInstance, { settings, backlog, inHand, acceptor, onRefused }: AdmissionOptions) => {
    const refuse = (reason: RefusalReason) => {
      onRefused(reason)
      return refusal(reason)
    }
    const reservations = createReservations()
    const check = (tenantId: string, limits: Limits) => {
      const figures = {
        ...backlog.current(tenantId),
        uncommitted: Math.max(acceptor.depth(), reservations.all()),
        uncommittedOfTenant: reservations.of(tenantId),
      }
      const reason = refusalFor(figures, limits)
      if (reason) throw refuse(reason)
    }
    app.decorateRequest('unreserve', null)
    app.addHook('onRequest', async (request, reply) => {
      const { sends } = request.routeOptions.config
      if (!sends || request.caller === undefined) return
      const { tenantId } = request.caller
      check(tenantId, await settings(tenantId))
      const leave = inHand.enter(tenantId, bodyBytes(request))
      if (typeof leave === 'string') throw refuse(leave === 'tenant' ? 'tenant_in_hand' : 'process')
      // Whatever becomes of the call: answered, aborted, taken over by Connect.
      reply.raw.once('close', leave)
    })
    // Calls come in by hundreds before the first one's messages are known: now that this one's are, it is looked at again.
    app.addHook('preHandler', async (request, reply) => {
      const { sends } = request.routeOptions.config
      if (!sends || request.caller === undefined || !isParsed(request.body)) return
      const { tenantId } = request.caller
      check(tenantId, await settings(tenantId))
      request.unreserve = reservations.add(tenantId, Array.isArray(request.body) ? request.body.length : 1)
      reply.raw.once('close', request.unreserve)
    })
    // Committed by now, and counted with what was accepted.
    app.addHook('onSend', async (request) => request.unreserve?.())
  },
  { name: 'admission', dependencies: ['auth'] },
)

/** Connect reads the bodies of its calls by itself. */
function isParsed(body: unknown): body is object {
  return typeof body === 'object' && body !== null && !('pipe' in body)
}

/** What its body may take at most, where the call does not say. */
function bodyBytes({ headers, routeOptions }: FastifyRequest): number {
  const limit = routeOptions.bodyLimit ?? 0
  const said = Number(headers['content-length'])
  return Number.isFinite(said) ? Math.min(said, limit) : limit
}
