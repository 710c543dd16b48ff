import { normalizeId } from './ids.ts'

/** Roles of a token; each but `platform` acts within its tenant. */
export const ROLES = ['sender', 'viewer', 'operator', 'admin', 'platform', 'inbox'] as const
export type Role = (typeof ROLES)[number]

/** What a role may do besides its own: `operator` is also a viewer, and so on. */
const IMPLIED: Record<Role, readonly Role[]> = {
  sender: [],
  viewer: [],
  operator: ['viewer'],
  admin: ['operator', 'viewer', 'sender'],
  platform: ['admin', 'operator', 'viewer', 'sender'],
  inbox: [],
}

/** The roles named in a token with those that they imply; unknown names are left out. */
export function expandRoles(names: readonly unknown[]): Role[] {
  const known = ROLES.filter((role) => names.includes(role))
  return [...new Set(known.flatMap((role) => [role, ...IMPLIED[role]]))]
}

/** Who calls, as a verified token says. */
export interface Caller {
  subject: string
  tenantId: string
  roles: readonly Role[]
}

/** Stands for the platform itself, whose settings are everyone's defaults; no token of a tenant may act for it. */
export const PLATFORM_TENANT = '0'

/** The tenant that a body or a query string names in `tenantId`; undefined where that is missing or not an id. */
export function namedTenant(part: unknown): string | undefined {
  const named = typeof part === 'object' && part !== null && 'tenantId' in part ? part.tenantId : undefined
  const isId = typeof named === 'string' ? /^\d{1,19}$/.test(named) : Number.isSafeInteger(named) && Number(named) >= 0
  return isId ? normalizeId(named as string | number) : undefined
}

/** True where the caller may act for the tenant. */
export function mayActFor(caller: Caller, tenantId: string): boolean {
  return caller.tenantId === tenantId || caller.roles.includes('platform')
}
