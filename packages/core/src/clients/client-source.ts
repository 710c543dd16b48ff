import type { Pool, RowDataPacket } from 'mysql2/promise'
import { createTenantCache } from '../configs/tenant-cache.ts'
import type { Role } from '../contracts/caller.ts'
import { rolesOf } from './client-store.ts'

/** What a client's issued tokens may do now; nothing once it is disabled or deleted. */
export type ClientRoles = (tenantId: string, id: string) => Promise<readonly Role[]>

/** Cached look-up of clients by their row's id: revoking a client stops its issued tokens too. */
export function createClientSource(pool: Pool, changes: Parameters<typeof createTenantCache>[1]): ClientRoles {
  return createTenantCache<readonly Role[]>(async (tenantId, id) => {
    const [rows] = await pool.query<RowDataPacket[]>(
      'SELECT roles FROM msg_client WHERE id = ? AND tenant_id = ? AND enabled = 1',
      [id, tenantId],
    )
    return rows[0] ? rolesOf({ roles: String(rows[0].roles) }) : []
  }, changes)
}
