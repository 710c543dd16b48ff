import { index, mysqlTable, text } from 'drizzle-orm/mysql-core'
import { autoId, bigintString, datetimeMs, stampedSeconds } from './columns.ts'

/** What a tenant's callbacks are signed with. `secret` is encrypted. */
export const callbackSecrets = mysqlTable(
  'msg_callback_secret',
  {
    id: autoId().primaryKey(),
    tenantId: bigintString('tenant_id').notNull(),
    secret: text('secret').notNull(),
    /** Until when one that was replaced still signs; NULL for the one in force. */
    expireTime: datetimeMs('expire_time'),
    createTime: stampedSeconds('create_time'),
    updateTime: stampedSeconds('update_time'),
  },
  (table) => [index('ix_tenant').on(table.tenantId, table.id)],
)

export type CallbackSecretRow = typeof callbackSecrets.$inferSelect
