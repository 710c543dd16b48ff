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
import { asciiBin, autoId, bigintString, datetimeMs, datetimeSeconds, stampedSeconds } from './columns.ts'

/** One channel's share of a message. `create_time` is its message's, so that both lie in the same monthly partition. */
export const channelTasks = mysqlTable(
  'msg_channel_task',
  {
    id: autoId(),
    tenantId: bigintString('tenant_id').notNull(),
    messageId: asciiBin('message_id', { length: 64 }).notNull(),
    channelType: asciiBin('channel_type', { length: 32 }).notNull(),
    /** 0 where the channel was asked for but has no config. */
    channelConfigId: bigintString('channel_config_id').notNull(),
    messageType: asciiBin('message_type', { length: 32 }),
    renderedContent: text('rendered_content'),
    /** Whom the task is for, resolved: JSON of channels/adapter.ts Recipients. */
    recipients: mediumtext('recipients'),
    status: varchar('status', { length: 20 }).notNull().default('PENDING'),
    retryCount: int('retry_count').default(0),
    maxRetry: int('max_retry').default(3),
    nextRetryTime: datetimeSeconds('next_retry_time'),
    errorCode: asciiBin('error_code', { length: 32 }),
    resultMessage: varchar('result_message', { length: 500 }),
    thirdPartyResponse: text('third_party_response'),
    /** The provider's id; those of several calls joined by commas. */
    providerMessageId: text('provider_message_id'),
    /** Raised each time the task gets a new job; part of the job's id, so that an old job never answers for a new one. */
    generation: int('generation').notNull().default(0),
    /** Who is sending right now; an outcome is recorded only by the holder. */
    claimToken: asciiBin('claim_token', { length: 64 }),
    /** Until when the sender may be at it; afterwards whether the message arrived cannot be known. */
    leaseUntil: datetimeMs('lease_until'),
    /** JSON, one entry per attempt, for GET …/trace. */
    attempts: text('attempts'),
    /** JSON of the adapter's own: how far a send has come that takes several provider calls. */
    progress: text('progress'),
    /** 1: cancelled while it was being sent; should that fail, it is not tried again. */
    cancelled: tinyint('cancelled').notNull().default(0),
    /** When an operator last had it tried again: the attempts before count no more. */
    retriedAt: datetimeMs('retried_at'),
    /** When the provider took the message back. */
    recallTime: datetimeSeconds('recall_time'),
    createTime: stampedSeconds('create_time'),
    updateTime: stampedSeconds('update_time'),
    finishTime: datetimeSeconds('finish_time'),
    /** How often a send of it was begun and not ended, since it was last tried again. */
    interruptions: int('interruptions').notNull().default(0),
    /** How often a process has died while it sent this task, and nothing else. */
    crashes: int('crashes').notNull().default(0),
  },
  (table) => [
    primaryKey({ columns: [table.id, table.createTime] }),
    uniqueIndex('uk_task').on(
      table.tenantId,
      table.messageId,
      table.channelType,
      table.channelConfigId,
      table.createTime,
    ),
    index('ix_tenant_channel').on(table.tenantId, table.channelType, table.createTime, table.id),
  ],
)
