import { mysqlTable, primaryKey, text, varchar } from 'drizzle-orm/mysql-core'
import { asciiBin, bigintString, stampedSeconds } from './columns.ts'

/** A dynamic setting of a tenant; tenant 0 holds the platform's own defaults. */
export const systemConfigs = mysqlTable(
  'msg_system_config',
  {
    tenantId: bigintString('tenant_id').notNull(),
    configKey: asciiBin('config_key', { length: 64 }).notNull(),
    /** JSON. */
    configValue: text('config_value').notNull(),
    updatedBy: varchar('updated_by', { length: 128 }),
    updateTime: stampedSeconds('update_time'),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.configKey] })],
)
