import type { Caller } from '@message-center/core/contracts/caller.ts'
import { AppError, invalidField } from '@message-center/core/contracts/errors.ts'
import { isUserId, type Reader } from '@message-center/core/inbox/readers.ts'
import type { FastifyRequest } from 'fastify'
import { actingTenant } from './tenant.ts'

/** Who may look into inboxes: a viewer into everyone's, the role `inbox` into its own. */
export const INBOX_ACCESS = ['viewer', 'inbox'] as const

/** True where the token reads no inbox but that of its `sub`. */
export function hasOwnInboxOnly({ roles }: Caller): boolean {
  return !roles.includes('viewer')
}

/**
 * A `preValidation` hook: whoever has only his own inbox learns nothing of others, not even from validation.
 * @throws AppError FORBIDDEN
 */
export async function ownInboxOnly({ caller, query, body }: FastifyRequest): Promise<void> {
  if (!hasOwnInboxOnly(caller)) return
  const named = [query, body].map((part) => Object(part).userId).filter((userId) => userId !== undefined)
  if (named.some((userId) => userId !== caller.subject))
    throw new AppError('FORBIDDEN', "the token reads only its own user's inbox")
}

/**
 * Whose inbox a call is about.
 * @throws AppError VALIDATION_FAILED where it names nobody and has no inbox of its own, or names what is no user id
 */
export function readerOf(request: FastifyRequest, named: { userId?: string; tenantId?: string | number }): Reader {
  const { caller } = request
  const userId = named.userId ?? (caller.roles.includes('inbox') ? caller.subject : undefined)
  if (userId === undefined) throw invalidField('userId', 'is required')
  if (!isUserId(userId)) throw invalidField('userId', 'must be 1 to 128 characters, not *, without a blank at its end')
  return { tenantId: actingTenant(request, named.tenantId), userId }
}
