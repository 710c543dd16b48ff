import { type Static, Type } from 'typebox'
import { MessageType } from './content.ts'
import { IdInput, IdOutput } from './ids.ts'
import { ChannelType, RecipientsInput } from './messages.ts'

export const RATE_LIMIT_UNITS = ['SECOND', 'MINUTE', 'HOUR', 'DAY'] as const
export type RateLimitUnit = (typeof RATE_LIMIT_UNITS)[number]
const UNIT_MS: Record<RateLimitUnit, number> = { SECOND: 1000, MINUTE: 60_000, HOUR: 3_600_000, DAY: 86_400_000 }

/** Length of a rate limit's window in milliseconds. */
export function rateLimitWindowMs(window: number, unit: string): number {
  const known = RATE_LIMIT_UNITS.find((candidate) => candidate === unit)
  return window * UNIT_MS[known ?? 'SECOND']
}

/** Booleans; 0 and 1 are accepted as the tables hold them. */
export const FlagInput = Type.Union([Type.Boolean(), Type.Literal(0), Type.Literal(1)])
const Hour = Type.Integer({ minimum: 0, maximum: 23 })
const TIME_WINDOW_POLICIES = ['REJECT', 'DEFER'] as const
const OVERFLOW_POLICIES = ['REJECT', 'DEFER', 'MERGE'] as const
const UNKNOWN_OUTCOME_POLICIES = ['RESEND', 'FAIL'] as const

/** Body of POST and PUT /api/channel-configs; `configJson` is checked against the adapter's own schema besides. */
export const ChannelConfigInput = Type.Object(
  {
    tenantId: Type.Optional(IdInput),
    storeId: Type.Optional(Type.Union([IdInput, Type.Null()], { description: 'null = the whole tenant' })),
    channelType: ChannelType,
    channelName: Type.String({ minLength: 1, maxLength: 64 }),
    configJson: Type.Union([Type.Object({}, { additionalProperties: true }), Type.String()]),
    priority: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, default: 1, description: 'Smaller first' })),
    enabled: Type.Optional(FlagInput),
    rateLimitCount: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000_000 })),
    rateLimitWindow: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
    rateLimitUnit: Type.Optional(Type.Enum(RATE_LIMIT_UNITS)),
    timeWindowEnabled: Type.Optional(FlagInput),
    timeWindowStartHour: Type.Optional(Hour),
    timeWindowEndHour: Type.Optional(Hour),
    timeWindowPolicy: Type.Optional(Type.Enum(TIME_WINDOW_POLICIES)),
    overflowPolicy: Type.Optional(
      Type.Enum(OVERFLOW_POLICIES, {
        description:
          'What comes beyond the rate limit: REJECT fails it as RATE_LIMITED; DEFER lets it wait for a free slot, in order; MERGE likewise, and what waits goes out as one message, as much as its size allows, TEXT with TEXT and MARKDOWN with MARKDOWN',
      }),
    ),
    monthlyQuota: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: 2_000_000_000 }), Type.Null()], {
        description:
          "Most sends that start in a calendar month of the provider's zone, retries included; null = as many as there are. Beyond it another config takes over, else RATE_LIMITED",
      }),
    ),
    unknownOutcomePolicy: Type.Optional(Type.Enum(UNKNOWN_OUTCOME_POLICIES)),
    retry: Type.Optional(
      Type.Union([
        Type.Object(
          {
            max: Type.Integer({ minimum: 0, maximum: 100 }),
            initialDelayMs: Type.Integer({ minimum: 1, maximum: 86_400_000 }),
          },
          { additionalProperties: false },
        ),
        Type.Null(),
      ]),
    ),
  },
  { additionalProperties: false, title: 'ChannelConfigInput' },
)
export type ChannelConfigInput = Static<typeof ChannelConfigInput>

const CIRCUIT_STATES = ['CLOSED', 'OPEN', 'HALF_OPEN', 'UNKNOWN'] as const

/** Whether a config is rested because its provider keeps failing (docs/adr/0019). */
const CircuitAnswer = Type.Object(
  {
    state: Type.Enum(CIRCUIT_STATES, {
      description:
        'CLOSED: works, as far as is known. OPEN: its provider kept failing, and messages go to another config where there is one. HALF_OPEN: the next message tries it, or one is trying it. UNKNOWN: cannot be told just now',
    }),
    since: Type.Optional(Type.String({ format: 'date-time', description: 'When it opened' })),
    nextProbeAt: Type.Optional(Type.String({ format: 'date-time', description: 'When a message may try it' })),
  },
  { description: 'Read-only; a PUT of the config closes it' },
)
export type CircuitAnswer = Static<typeof CircuitAnswer>

/** A channel config as answered: secrets masked. */
export const ChannelConfig = Type.Object(
  {
    id: IdOutput,
    tenantId: IdOutput,
    storeId: Type.Union([IdOutput, Type.Null()]),
    channelType: Type.String(),
    channelName: Type.String(),
    configJson: Type.Object({}, { additionalProperties: true }),
    priority: Type.Integer(),
    enabled: Type.Boolean(),
    rateLimitCount: Type.Integer(),
    rateLimitWindow: Type.Integer(),
    rateLimitUnit: Type.String(),
    timeWindowEnabled: Type.Boolean(),
    timeWindowStartHour: Type.Integer(),
    timeWindowEndHour: Type.Integer(),
    timeWindowPolicy: Type.String(),
    overflowPolicy: Type.String(),
    monthlyQuota: Type.Union([Type.Integer(), Type.Null()]),
    quota: Type.Union([Type.Object({ month: Type.String(), used: Type.Integer() }), Type.Null()], {
      description: "Sends of this month (`2026-11`, in the provider's zone), where there is a `monthlyQuota`",
    }),
    unknownOutcomePolicy: Type.String(),
    retry: Type.Union([Type.Object({ max: Type.Integer(), initialDelayMs: Type.Integer() }), Type.Null()]),
    circuit: CircuitAnswer,
    createTime: Type.String({ format: 'date-time' }),
    updateTime: Type.String({ format: 'date-time' }),
  },
  { title: 'ChannelConfig' },
)
export type ChannelConfig = Static<typeof ChannelConfig>
/** What of it is stored. */
export type StoredChannelConfig = Omit<ChannelConfig, 'circuit'>

/** Body of POST /api/channel-configs/{id}/test. */
export const ConfigTestInput = Type.Object(
  {
    messageType: MessageType,
    content: Type.Union([Type.String({ minLength: 1 }), Type.Object({}, { additionalProperties: true })], {
      description:
        'As a template would have rendered it: the text of a TEXT or MARKDOWN, or the JSON of the other types (an object, or a string holding one)',
    }),
    to: Type.Optional(RecipientsInput),
  },
  { additionalProperties: false, title: 'ConfigTestInput' },
)
export type ConfigTestInput = Static<typeof ConfigTestInput>

export const ConfigTest = Type.Object(
  {
    success: Type.Boolean({ description: 'The provider took the message' }),
    providerCode: Type.Optional(Type.String({ description: "Of a failure: the provider's code, or ours" })),
    detail: Type.Optional(Type.String({ description: 'For people' })),
    thirdPartyResponse: Type.Union([Type.String(), Type.Null()], {
      description: "The provider's answer, secrets masked",
    }),
    durationMs: Type.Integer(),
  },
  { title: 'ConfigTest' },
)
export type ConfigTest = Static<typeof ConfigTest>
