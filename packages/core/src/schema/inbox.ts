import { index, mysqlTable, primaryKey, text, uniqueIndex, varchar } from 'drizzle-orm/mysql-core'
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
    /** Always null where the reader is everyone: see `inboxRead`. */
    readTime: datetimeMs('read_time'),
    createTime: stampedMs('create_time'),
  },
  (table) => [
    uniqueIndex('uk_delivery').on(table.taskId, table.userId),
    index('ix_reader').on(table.tenantId, table.userId, table.id),
    index('ix_unread').on(table.tenantId, table.userId, table.readTime, table.id),
    index('ix_tenant').on(table.tenantId, table.id),
    index('ix_create_time').on(table.createTime),
  ],
)

/** Who has read which message to everyone. */
export const inboxRead = mysqlTable(
  'msg_inbox_read',
  {
    tenantId: bigintString('tenant_id').notNull(),
    userId: varchar('user_id', { length: 128 }).notNull(),
    inboxId: bigintString('inbox_id').notNull(),
    readTime: stampedMs('read_time'),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.userId, table.inboxId] }),
    index('ix_read_time').on(table.readTime),
  ],
)

/** A row per tenant that has had deliveries: what they lock, so that its inbox ids are committed in their order. */
export const inboxLock = mysqlTable('msg_inbox_lock', { tenantId: bigintString('tenant_id').primaryKey() })
