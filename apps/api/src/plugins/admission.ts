import type { SettingsSource } from '@message-center/core/configs/settings-source.ts'
import type { Acceptor } from '@message-center/core/messages/accept.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Held, InHand } from '../admission/in-hand.ts'
import { type Limits, type RefusalReason, refusal, refusalFor } from '../admission/refusal.ts'
import type { Reservations } from '../admission/reservations.ts'
import type { BacklogWatch } from '../admission/watch-backlog.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The call brings messages to send: it is refused under overload. */
    sends?: true
  }
  interface FastifyRequest {
    /** The call as it is in hand; null where it does not send. */
    held: Held | null
    /**
     * For a call that `sends` and did not say how long its body is.
     * @throws AppError TOO_MANY_REQUESTS, UNAVAILABLE: there is no room for it
     */
    bodyHas(bytes: number): void
    /**
     * For a call that `sends`, once it is known how many messages it brings: looks again, and counts them while they are accepted.
     * @throws AppError TOO_MANY_REQUESTS, UNAVAILABLE: nothing of it was taken; and as `accept` does
     */
    admit<Result>(messages: number, accept: () => Promise<Result>): Promise<Result>
  }
}

const IN_HAND = { tenant: 'tenant_in_hand', process: 'process' } as const

export interface AdmissionOptions {
  settings: SettingsSource
  backlog: BacklogWatch
  inHand: InHand
  reservations: Reservations
  acceptor: Pick<Acceptor, 'depth'>
  /** What a call's body counts as before it is read; the most that it may have where the call does not say, without it. */
  bytesAtFirst?(request: FastifyRequest): number
  onRefused(reason: RefusalReason): void
}

/**
 * Refuses calls that send while too much waits, before their body is read (docs/adr/0026). Knows all it needs: no call
 * costs a look at MySQL or Redis. After the auth plugin.
 */
export const admissionPlugin = fp(
  async (app: FastifyInstance, options: AdmissionOptions) => {
    const { settings, backlog, inHand, reservations, acceptor, onRefused, bytesAtFirst = bodyBytes } = options
    const refuse = (reason: RefusalReason) => {
      onRefused(reason)
      return refusal(reason)
    }
    const check = (tenantId: string, limits: Limits) => {
      const figures = {
        ...backlog.current(tenantId),
        uncommitted: Math.max(acceptor.depth(), reservations.all()),
        uncommittedOfTenant: reservations.of(tenantId),
      }
      const reason = refusalFor(figures, limits)
      if (reason) throw refuse(reason)
    }
    app.addHook('onRequest', async (request, reply) => {
      const { sends } = request.routeOptions.config
      if (!sends || request.caller === undefined) return
      const { tenantId } = request.caller
      check(tenantId, await settings(tenantId))
      const held = inHand.enter(tenantId, bytesAtFirst(request))
      if (typeof held === 'string') throw refuse(IN_HAND[held])
      request.held = held
      // Whatever becomes of the call: answered, aborted, taken over by Connect.
      reply.raw.once('close', held.letGo)
    })
    app.decorateRequest('held', null)
    app.decorateRequest('bodyHas', function (bytes) {
      const reached = this.held?.resize(bytes)
      if (reached) throw refuse(IN_HAND[reached])
    })
    // Calls come in by hundreds before the first one's messages are known.
    app.decorateRequest('admit', async function (messages, accept) {
      const { tenantId } = this.caller
      check(tenantId, await settings(tenantId))
      const unreserve = reservations.add(tenantId, messages)
      // Once committed they count with what was accepted.
      return accept().finally(unreserve)
    })
  },
  { name: 'admission', dependencies: ['auth'] },
)

/** What its body may take at most, where the call does not say. */
export function bodyBytes({ headers, routeOptions }: FastifyRequest): number {
  const limit = routeOptions.bodyLimit ?? 0
  const said = Number(headers['content-length'])
  return Number.isFinite(said) ? Math.min(said, limit) : limit
}
