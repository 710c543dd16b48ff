import {
  index,
  int,
  mediumtext,
  mysqlTable,
  primaryKey,
  text,
  tinyint,
  uniqueIndex,
  varchar,
} from 'drizzle-orm/mysql-core'
import {
  asciiBin,
  asciiFixed,
  autoId,
  bigintString,
  datetimeMs,
  datetimeSeconds,
  jsonText,
  stampedMs,
  stampedSeconds,
} from './columns.ts'

/** One accepted message. Partitioned by month of `create_time` (the SQL migration says how; Drizzle does not know partitions). */
export const messages = mysqlTable(
  'msg_message',
  {
    id: autoId(),
    messageId: asciiBin('message_id', { length: 64 }).notNull(),
    tenantId: bigintString('tenant_id').notNull(),
    storeId: bigintString('store_id'),
    businessType: varchar('business_type', { length: 64 }).notNull(),
    businessData: jsonText('business_data').notNull(),
    /** The text as it was sent, where the JSON type would change it (business-data-columns.ts); else NULL. */
    businessDataText: mediumtext('business_data_text'),
    attributes: mediumtext('attributes'),
    targetChannels: varchar('target_channels', { length: 255 }),
    status: varchar('status', { length: 20 }).notNull().default('PENDING'),
    errorCode: asciiBin('error_code', { length: 32 }),
    errorMessage: varchar('error_message', { length: 500 }),
    totalChannels: int('total_channels').default(0),
    successChannels: int('success_channels').default(0),
    failedChannels: int('failed_channels').default(0),
    priority: tinyint('priority').notNull().default(5),
    sendAt: datetimeMs('send_at'),
    expiresAt: datetimeMs('expires_at'),
    acceptedAt: stampedMs('accepted_at'),
    /** The queue job that carries the message through the pipeline; the reconciler asks whether it still exists. */
    jobId: asciiBin('job_id', { length: 64 }),
    /** Raised by each retry and cancel: what was worked out from an older state of the message is not written any more. */
    revision: int('revision').notNull().default(0),
    /** Comma-separated channel types whose tasks wait for the pipeline to run for them again; NULL = none. */
    rerunChannels: text('rerun_channels'),
    /**
     * When the system must have acted on the message next; NULL once it is final and its callback, if any, is over.
     * Served by ix_due for the reconciler.
     */
    dueTime: datetimeMs('due_time'),
    /** What each pipeline step did and when: JSON for GET …/trace. */
    steps: text('steps'),
    createTime: stampedSeconds('create_time'),
    updateTime: stampedSeconds('update_time'),
    finishTime: datetimeSeconds('finish_time'),
    /** A CallbackState; NULL where no callback is wanted. */
    callbackState: asciiBin('callback_state', { length: 10 }),
    /** How often the message has become final: each time is an event of its own. */
    callbackGeneration: int('callback_generation').notNull().default(0),
    /** Tries of the present event, the one under way included. */
    callbackAttempts: int('callback_attempts').notNull().default(0),
    /** Nobody may try before. While a try is under way: when another one may take over. */
    callbackNextTime: datetimeMs('callback_next_time'),
    /** What the last try led to, for people. */
    callbackResult: varchar('callback_result', { length: 255 }),
    /** Whose try is under way. */
    callbackToken: asciiBin('callback_token', { length: 64 }),
    /** Where the message was accepted in its trace (W3C); NULL where it is not traced. */
    traceparent: asciiBin('traceparent', { length: 55 }),
    /** How often what carried it through the pipeline ended without saying so, since it was last tried again. */
    interruptions: int('interruptions').notNull().default(0),
    /** How often a process has died while it carried this message, and nothing else. */
    crashes: int('crashes').notNull().default(0),
  },
  (table) => [
    primaryKey({ columns: [table.id, table.createTime] }),
    uniqueIndex('uk_message').on(table.tenantId, table.messageId, table.createTime),
    index('ix_tenant_time').on(table.tenantId, table.createTime, table.id),
    index('ix_tenant_status').on(table.tenantId, table.status, table.createTime, table.id),
    index('ix_tenant_type').on(table.tenantId, table.businessType, table.createTime, table.id),
    index('ix_tenant_store').on(table.tenantId, table.storeId, table.createTime, table.id),
    index('ix_due').on(table.dueTime),
  ],
)

/** Keeps message ids unique within their tenant across all partitions, and leads from an id to its partition. */
export const messageKeys = mysqlTable(
  'msg_message_key',
  {
    tenantId: bigintString('tenant_id').notNull(),
    messageId: asciiBin('message_id', { length: 64 }).notNull(),
    createTime: datetimeSeconds('create_time').notNull(),
    /** SHA-256 over the canonical content, hex: the same id with the same content is a repeated call. */
    contentHash: asciiFixed('content_hash', { length: 64 }).notNull(),
    /** The group commit that wrote the row: tells a writer which rows of its INSERT IGNORE were new. */
    flushId: asciiFixed('flush_id', { length: 36 }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.messageId] }), index('ix_create_time').on(table.createTime)],
)
