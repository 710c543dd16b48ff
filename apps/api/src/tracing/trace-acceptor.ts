import { AppError } from '@message-center/core/contracts/errors.ts'
import type { Acceptor } from '@message-center/core/messages/accept.ts'
import { MESSAGE_ID, type SpanSpec, TENANT_ID, type Tracing } from '@message-center/core/telemetry/tracing.ts'

/**
 * An acceptor that begins each message's way in the traces: a span from its validation to its commit, whose place is kept
 * with the message. One message is part of its request's trace, which may be the caller's; of a batch each has its own,
 * linked to the request.
 */
export function traceAcceptor(acceptor: Acceptor, tracing: Tracing): Acceptor {
  return {
    ...acceptor,
    accept(body, caller, origin) {
      const spec: SpanSpec = {
        name: 'accept',
        kind: 'producer',
        attributes: {
          'messaging.system': 'bullmq',
          'messaging.destination.name': 'pipeline',
          [TENANT_ID]: caller.tenantId,
        },
        ...(origin?.ofBatch ? { parent: null, link: tracing.current() } : {}),
      }
      return tracing.within(spec, async (span) => {
        try {
          const accepted = await acceptor.accept(body, caller, { traceparent: span.traceparent })
          const { tenantId, messageId, outcome } = accepted
          span.set({ [TENANT_ID]: tenantId, [MESSAGE_ID]: messageId, 'message_center.outcome': outcome })
          return accepted
        } catch (error) {
          if (error instanceof AppError && error.messageId) span.set({ [MESSAGE_ID]: error.messageId })
          throw error
        }
      })
    },
  }
}
