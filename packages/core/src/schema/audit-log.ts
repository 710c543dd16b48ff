import { index, mediumtext, mysqlTable, varchar } from 'drizzle-orm/mysql-core'
import { asciiBin, autoId, bigintString, stampedMs } from './columns.ts'

/** Who changed what and when: one row per change, written in its transaction. Secrets are masked. */
export const auditLog = mysqlTable(
  'msg_audit_log',
  {
    id: autoId().primaryKey(),
    /** Whose object it is; 0 = the platform's. */
    tenantId: bigintString('tenant_id').notNull(),
    /** The token's `sub`. */
    actor: varchar('actor', { length: 255 }).notNull(),
    action: asciiBin('action', { length: 32 }).notNull(),
    objectType: asciiBin('object_type', { length: 32 }).notNull(),
    objectId: asciiBin('object_id', { length: 64 }).notNull(),
    /** The object as the API answers it, JSON; NULL before its creation. */
    beforeJson: mediumtext('before_json'),
    /** Likewise; NULL after its deletion. */
    afterJson: mediumtext('after_json'),
    /** JSON array of dotted paths; names secrets that changed too, whose values both sides mask. */
    changedFields: mediumtext('changed_fields'),
    requestId: asciiBin('request_id', { length: 64 }),
    ip: asciiBin('ip', { length: 45 }),
    createTime: stampedMs('create_time'),
  },
  (table) => [
    index('ix_tenant').on(table.tenantId, table.id),
    index('ix_object').on(table.tenantId, table.objectType, table.objectId, table.id),
    index('ix_create_time').on(table.createTime),
  ],
)
