import { index, int, mysqlTable, tinyint, uniqueIndex, varchar } from 'drizzle-orm/mysql-core'
import { asciiBin, asciiFixed, autoId, bigintString, datetimeSeconds, stampedSeconds } from './columns.ts'

/** An API client: a program that gets its tokens by an id and a secret. */
export const clients = mysqlTable(
  'msg_client',
  {
    id: autoId().primaryKey(),
    tenantId: bigintString('tenant_id').notNull(),
    name: varchar('name', { length: 64 }).notNull(),
    /** What it logs in with; unique over all tenants, for a log-in names no tenant. */
    clientId: asciiBin('client_id', { length: 64 }).notNull(),
    /** See clients/client-secret.ts. */
    secretHash: asciiFixed('secret_hash', { length: 64 }).notNull(),
    /** Comma-separated. */
    roles: asciiBin('roles', { length: 255 }).notNull(),
    enabled: tinyint('enabled').default(1).notNull(),
    /** Raised by every change: the ETag. */
    version: int('version').default(1).notNull(),
    lastUsedTime: datetimeSeconds('last_used_time'),
    createTime: stampedSeconds('create_time'),
    updateTime: stampedSeconds('update_time'),
  },
  (table) => [uniqueIndex('uk_client_id').on(table.clientId), index('ix_tenant').on(table.tenantId, table.id)],
)

export type ClientRow = typeof clients.$inferSelect
