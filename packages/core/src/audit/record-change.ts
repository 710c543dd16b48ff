import { isIP } from 'node:net'
import type { Connection } from 'mysql2/promise'
import type { AuditAction, AuditObjectType } from '../contracts/audit.ts'
import { changedFields } from './changed-fields.ts'

/** Who makes a change, by which call. */
export interface Actor {
  /** The token's `sub`. */
  subject: string
  requestId: string
  ip: string
}

/** A change as the audit trail keeps it. */
export interface AuditedChange {
  /** Whose object it is. */
  tenantId: string
  action: AuditAction
  objectType: AuditObjectType
  objectId: string
  /** The object as the API answers it, secrets masked; null for one that was not there before. */
  before: object | null
  /** Likewise; null for one that is gone. */
  after: object | null
  /** Dotted paths of what changed besides, which masked values do not show. */
  alsoChanged?: readonly string[]
}

/** Room of the column. */
const MAX_ACTOR = 255

/**
 * Writes a change to the audit trail.
 * @param connection in the transaction of the change: either both are there afterwards or none
 */
export function recordChange(connection: Connection, actor: Actor, change: AuditedChange): Promise<void> {
  return recordChanges(connection, actor, [change])
}

/** Several changes by one call, in one statement. */
export async function recordChanges(
  connection: Connection,
  actor: Actor,
  changes: readonly AuditedChange[],
): Promise<void> {
  const rows = changes.map(({ tenantId, action, objectType, objectId, before, after, alsoChanged = [] }) => {
    const changed = before && after ? [...new Set([...changedFields(before, after), ...alsoChanged])] : null
    return [
      tenantId,
      actor.subject.slice(0, MAX_ACTOR),
      action,
      objectType,
      objectId,
      before && JSON.stringify(before),
      after && JSON.stringify(after),
      changed && JSON.stringify(changed),
      actor.requestId,
      // A proxy may hand on whatever a caller made up.
      isIP(actor.ip) ? actor.ip : null,
    ]
  })
  await connection.query(
    `INSERT INTO msg_audit_log (tenant_id, actor, action, object_type, object_id, before_json, after_json,
       changed_fields, request_id, ip) VALUES ?`,
    [rows],
  )
}
