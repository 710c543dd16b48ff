import { index, int, mysqlTable, text, tinyint, varchar } from 'drizzle-orm/mysql-core'
import { asciiBin, autoId, bigintString, stampedSeconds } from './columns.ts'

/** How a tenant, or one store of it, reaches a channel. `config_json` is encrypted. */
export const channelConfigs = mysqlTable(
  'msg_channel_config',
  {
    id: autoId().primaryKey(),
    tenantId: bigintString('tenant_id').notNull(),
    storeId: bigintString('store_id'),
    channelType: asciiBin('channel_type', { length: 32 }).notNull(),
    channelName: varchar('channel_name', { length: 64 }).notNull(),
    configJson: text('config_json').notNull(),
    priority: int('priority').default(1).notNull(),
    enabled: tinyint('enabled').default(1).notNull(),
    rateLimitCount: int('rate_limit_count').default(100).notNull(),
    rateLimitWindow: int('rate_limit_window').default(60).notNull(),
    rateLimitUnit: varchar('rate_limit_unit', { length: 10 }).default('SECOND').notNull(),
    timeWindowEnabled: tinyint('time_window_enabled').default(0).notNull(),
    timeWindowStartHour: int('time_window_start_hour').default(0).notNull(),
    timeWindowEndHour: int('time_window_end_hour').default(23).notNull(),
    timeWindowPolicy: varchar('time_window_policy', { length: 10 }).default('REJECT').notNull(),
    overflowPolicy: varchar('overflow_policy', { length: 10 }).default('REJECT').notNull(),
    monthlyQuota: int('monthly_quota'),
    unknownOutcomePolicy: varchar('unknown_outcome_policy', { length: 10 }).default('RESEND').notNull(),
    retryMax: int('retry_max'),
    retryInitialDelayMs: int('retry_initial_delay_ms'),
    /** Raised by every change: the ETag. */
    version: int('version').default(1).notNull(),
    createTime: stampedSeconds('create_time'),
    updateTime: stampedSeconds('update_time'),
  },
  (table) => [index('ix_lookup').on(table.tenantId, table.storeId, table.channelType)],
)

export type ChannelConfigRow = typeof channelConfigs.$inferSelect
