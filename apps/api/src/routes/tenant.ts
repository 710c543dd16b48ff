import { mayActFor } from '@message-center/core/contracts/caller.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import { normalizeId } from '@message-center/core/contracts/ids.ts'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'

/** `?tenantId=`: only a platform token may name another tenant than its own. */
export const TenantQuery = {
  tenantId: Type.Optional(Type.String({ pattern: '^[0-9]{1,19}$', description: "Default: the token's tenant" })),
}

/**
 * The tenant that a call acts for: the one it names, else the token's.
 * @throws AppError FORBIDDEN where it names another one without the role `platform`
 */
export function actingTenant({ caller }: FastifyRequest, named: string | number | undefined): string {
  if (named === undefined) return caller.tenantId
  const tenantId = normalizeId(named)
  if (tenantId === undefined || !mayActFor(caller, tenantId))
    throw new AppError('FORBIDDEN', 'the token belongs to another tenant')
  return tenantId
}
