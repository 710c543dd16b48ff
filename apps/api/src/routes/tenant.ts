import { type Caller, mayActFor, namedTenant } from '@message-center/core/contracts/caller.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import { IdText } from '@message-center/core/contracts/ids.ts'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'

/** `?tenantId=`: only a platform token may name another tenant than its own. Without it, the token's. */
export const TenantQuery = { tenantId: Type.Optional(IdText) }

/**
 * Looks at what a call names as its tenant before anything of it is validated.
 * @param parts the query string and, where the route leaves the body to schemas, the body
 * @throws AppError FORBIDDEN where one names another tenant without the role `platform`
 */
export function refuseOtherTenant(caller: Caller, ...parts: unknown[]): void {
  const named = parts.map(namedTenant).filter((tenantId) => tenantId !== undefined)
  if (!named.every((tenantId) => mayActFor(caller, tenantId))) {
    throw new AppError('FORBIDDEN', 'the token belongs to another tenant')
  }
}

/** A `preValidation` hook of `refuseOtherTenant` over query string and body. */
export async function ownTenantOnly({ caller, query, body }: FastifyRequest): Promise<void> {
  refuseOtherTenant(caller, query, body)
}

/**
 * The tenant that a call acts for: the one it names, else the token's.
 * @throws AppError FORBIDDEN as `refuseOtherTenant`, should a route have left that out
 */
export function actingTenant({ caller }: FastifyRequest, tenantId: string | number | undefined): string {
  refuseOtherTenant(caller, { tenantId })
  return namedTenant({ tenantId }) ?? caller.tenantId
}
