import { type TSchema, Type } from 'typebox'
import type { Env } from './env.ts'

/** A dynamic setting: declared once, with its schema, default and meaning. */
export interface SettingDefinition {
  schema: TSchema
  description: string
  /** platform: one value for all tenants, set by the role `platform` only. */
  scope: 'tenant' | 'platform'
  /** Only the role `platform` sets it, also where each tenant has a value of its own: what guards the others from a tenant. */
  setBy?: 'platform'
  /** The value where neither tenant nor platform set one. */
  fallback(env: Env): unknown
}

/** Every dynamic setting by its key in `/api/system-configs/{key}`. */
export const SETTINGS = {
  timeZone: {
    schema: Type.String({ format: 'time-zone', examples: ['Asia/Shanghai'] }),
    description: "IANA zone of the channel configs' time windows",
    scope: 'tenant',
    fallback: (env) => env.timeZone,
  },
  retryMax: {
    schema: Type.Integer({ minimum: 0, maximum: 100 }),
    description: 'Retries after a passing error, where the channel config says nothing',
    scope: 'tenant',
    fallback: (env) => env.retryMax,
  },
  retryInitialDelayMs: {
    schema: Type.Integer({ minimum: 1, maximum: 86_400_000 }),
    description: 'Wait before the first retry in milliseconds; doubles each time',
    scope: 'tenant',
    fallback: (env) => env.retryInitialDelayMs,
  },
  apiRequestsPerMinute: {
    schema: Type.Integer({ minimum: 1, maximum: 100_000_000 }),
    description:
      "Calls that one client (a token's `sub`) may make a minute at each API process; more are answered with 429",
    scope: 'tenant',
    fallback: () => 600_000,
  },
  maxWaitingMessages: {
    schema: Type.Integer({ minimum: 1, maximum: 10_000_000 }),
    description:
      'Messages of a tenant that may be under way, due and not final; beyond, its calls that send are answered with 429',
    scope: 'tenant',
    setBy: 'platform',
    fallback: () => 100_000,
  },
  maxWaitingSeconds: {
    schema: Type.Integer({ minimum: 1, maximum: 604_800 }),
    description:
      "Seconds that a tenant's longest waiting message may have waited in a queue; beyond, its calls that send are answered with 429",
    scope: 'tenant',
    setBy: 'platform',
    fallback: () => 1_800,
  },
  maxWaitingMessagesInAll: {
    schema: Type.Integer({ minimum: 1, maximum: 10_000_000 }),
    description:
      'Messages of all tenants that may be under way, due and not final; beyond, calls that send are answered with 503. Bounds the memory of Redis: docs/adr/0026 tells the bytes per message',
    scope: 'platform',
    fallback: () => 300_000,
  },
  maxWaitingSecondsInAll: {
    schema: Type.Integer({ minimum: 1, maximum: 604_800 }),
    description:
      'Seconds that the longest waiting message may have waited for the pipeline; beyond, calls that send are answered with 503',
    scope: 'platform',
    fallback: () => 1_800,
  },
  maxRedisMemoryPercent: {
    schema: Type.Integer({ minimum: 1, maximum: 100 }),
    description:
      "Percent of Redis' maxmemory that may be in use; beyond, calls that send are answered with 503. Without a maxmemory it has no effect",
    scope: 'platform',
    fallback: () => 80,
  },
  sendingPaused: {
    schema: Type.Boolean(),
    description:
      'true: nothing is sent. Messages are accepted and wait, each until its expiresAt; after false, sending goes on within 15 s (a large backlog: 1,000 tasks a second and worker process)',
    scope: 'tenant',
    fallback: () => false,
  },
  retentionMonths: {
    schema: Type.Integer({ minimum: 1, maximum: 120 }),
    description:
      'Months of messages kept besides the current one (UTC). Lowered, it removes what is older for good at the next run of the task partitions',
    scope: 'platform',
    fallback: () => 12,
  },
  inboxRetentionDays: {
    schema: Type.Integer({ minimum: 1, maximum: 3660 }),
    description: 'Days that messages stay in the inboxes, read or not',
    scope: 'platform',
    fallback: () => 90,
  },
  auditRetentionMonths: {
    schema: Type.Integer({ minimum: 1, maximum: 120 }),
    description: 'Months of entries of the audit trail kept besides the current one (UTC)',
    scope: 'platform',
    fallback: () => 24,
  },
  reconcileIntervalSeconds: {
    schema: Type.Integer({ minimum: 1, maximum: 15 }),
    description: 'How often the task reconcile gives messages that have lost their job a new one',
    scope: 'platform',
    fallback: () => 2,
  },
  advanceLinesIntervalSeconds: {
    schema: Type.Integer({ minimum: 1, maximum: 30 }),
    description:
      'How often the task advance-lines tells messages in line that a rate limit was raised, or that others have left the line',
    scope: 'platform',
    fallback: () => 10,
  },
  partitionIntervalSeconds: {
    schema: Type.Integer({ minimum: 60, maximum: 86_400 }),
    description: 'How often the task partitions makes the months ahead and drops those past retentionMonths',
    scope: 'platform',
    fallback: () => 3_600,
  },
  cleanUpIntervalSeconds: {
    schema: Type.Integer({ minimum: 60, maximum: 86_400 }),
    description:
      'How often the task clean-up removes what is past its time: keys of dropped messages, old audit entries, old inbox messages, what was counted for quotas',
    scope: 'platform',
    fallback: () => 3_600,
  },
  booksIntervalSeconds: {
    schema: Type.Integer({ minimum: 30, maximum: 3_600 }),
    description: 'How often the task books counts what has become of the messages of each hour',
    scope: 'platform',
    fallback: () => 300,
  },
  tokenRefreshIntervalSeconds: {
    schema: Type.Integer({ minimum: 10, maximum: 300 }),
    description: 'How often the task refresh-tokens looks for access tokens of apps that are about to run out',
    scope: 'platform',
    fallback: () => 60,
  },
  metricsTenants: {
    schema: Type.Integer({ minimum: 0, maximum: 200 }),
    description:
      'How many tenants, the busiest ones, have time series of their own in the metrics; the others are summed up as other',
    scope: 'platform',
    fallback: () => 20,
  },
  logLevel: {
    schema: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']),
    description: 'Least severe level that all processes log',
    scope: 'platform',
    fallback: (env) => env.logLevel,
  },
} as const satisfies Record<string, SettingDefinition>

/** The settings of one tenant, resolved. */
export interface Settings {
  timeZone: string
  retryMax: number
  retryInitialDelayMs: number
  sendingPaused: boolean
  apiRequestsPerMinute: number
  maxWaitingMessages: number
  maxWaitingSeconds: number
  maxWaitingMessagesInAll: number
  maxWaitingSecondsInAll: number
  maxRedisMemoryPercent: number
  retentionMonths: number
  inboxRetentionDays: number
  auditRetentionMonths: number
  reconcileIntervalSeconds: number
  advanceLinesIntervalSeconds: number
  partitionIntervalSeconds: number
  cleanUpIntervalSeconds: number
  booksIntervalSeconds: number
  tokenRefreshIntervalSeconds: number
  metricsTenants: number
  logLevel: string
}
