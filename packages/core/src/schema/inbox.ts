import { index, mysqlTable, text, uniqueIndex, varchar } from 'drizzle-orm/mysql-core'
import { asciiBin, autoId, bigintString, datetimeMs, stampedMs } from './columns.ts'

/** The LOCAL channel: one row per reader and task. */
export const inbox = mysqlTable(
  'msg_inbox',
  {
    id: autoId().primaryKey(),
    tenantId: bigintString('tenant_id').notNull(),
    /** Case-sensitive, as the business system writes it; `*` = everyone in the tenant. */
    userId: varchar('user_id', { length: 128 }).notNull(),
    messageId: asciiBin('message_id', { length: 64 }).notNull(),
    taskId: bigintString('task_id').notNull(),
    messageType: asciiBin('message_type', { length: 32 }).notNull(),
    title: varchar('title', { length: 255 }),
    content: text('content').notNull(),
    readTime: datetimeMs('read_time'),
    createTime: stampedMs('create_time'),
  },
  (table) => [
    uniqueIndex('uk_delivery').on(table.taskId, table.userId),
    index('ix_reader').on(table.tenantId, table.userId, table.id),
    index('ix_create_time').on(table.createTime),
  ],
)
