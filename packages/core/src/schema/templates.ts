import { int, mysqlTable, text, tinyint, uniqueIndex, varchar } from 'drizzle-orm/mysql-core'
import { asciiBin, autoId, bigintString, stampedSeconds } from './columns.ts'

/** What a message of a business type says on a channel. */
export const templates = mysqlTable(
  'msg_template',
  {
    id: autoId().primaryKey(),
    tenantId: bigintString('tenant_id').notNull(),
    businessType: varchar('business_type', { length: 64 }).notNull(),
    channelType: asciiBin('channel_type', { length: 32 }).notNull(),
    messageType: asciiBin('message_type', { length: 32 }).notNull(),
    templateName: varchar('template_name', { length: 64 }).notNull(),
    templateContent: text('template_content').notNull(),
    enabled: tinyint('enabled').default(1).notNull(),
    version: int('version').default(1).notNull(),
    createTime: stampedSeconds('create_time'),
    updateTime: stampedSeconds('update_time'),
  },
  (table) => [uniqueIndex('uk_template').on(table.tenantId, table.businessType, table.channelType, table.messageType)],
)

export type TemplateRow = typeof templates.$inferSelect
