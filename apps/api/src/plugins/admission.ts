import type { SettingsSource } from '@message-center/core/configs/settings-source.ts'
import type { Acceptor } from '@message-center/core/messages/accept.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { InHand } from '../admission/in-hand.ts'
import { type RefusalReason, refusal, refusalFor } from '../admission/refusal.ts'
import type { BacklogWatch } from '../admission/watch-backlog.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The call brings messages to send: it is refused under overload. */
    sends?: true
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
    app.addHook('onRequest', async (request, reply) => {
      const { sends } = request.routeOptions.config
      if (!sends || request.caller === undefined) return
      const { tenantId } = request.caller
      const figures = { ...backlog.current(tenantId), uncommitted: acceptor.depth() }
      const reason = refusalFor(figures, await settings(tenantId))
      if (reason) throw refuse(reason)
      const leave = inHand.enter(tenantId, bodyBytes(request))
      if (typeof leave === 'string') throw refuse(leave === 'tenant' ? 'tenant_in_hand' : 'process')
      // Whatever becomes of the call: answered, aborted, taken over by Connect.
      reply.raw.once('close', leave)
    })
  },
  { name: 'admission', dependencies: ['auth'] },
)

/** What its body may take at most, where the call does not say. */
function bodyBytes({ headers, routeOptions }: FastifyRequest): number {
  const limit = routeOptions.bodyLimit ?? 0
  const said = Number(headers['content-length'])
  return Number.isFinite(said) ? Math.min(said, limit) : limit
}
