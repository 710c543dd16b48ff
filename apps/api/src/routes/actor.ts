import type { Actor } from '@message-center/core/audit/record-change.ts'
import type { FastifyRequest } from 'fastify'

/** Who makes a change, for the audit trail. */
export function actorOf({ caller, id, ip }: FastifyRequest): Actor {
  return { subject: caller.subject, requestId: id, ip }
}
