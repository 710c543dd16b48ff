import { type Static, Type } from 'typebox'
import { MessageCallback } from './callbacks.ts'
import { MessageType } from './content.ts'
import { IdInput, IdOutput, IdText } from './ids.ts'
import { PageQuery } from './pages.ts'

export const MESSAGE_STATUSES = ['PENDING', 'PROCESSING', 'SUCCESS', 'PARTIAL_SUCCESS', 'FAILED'] as const
export const MessageStatus = Type.Enum(MESSAGE_STATUSES)
export type MessageStatus = (typeof MESSAGE_STATUSES)[number]

export const TASK_STATUSES = ['PENDING', 'SENDING', 'SUCCESS', 'FAILED', 'RETRY'] as const
export const TaskStatus = Type.Enum(TASK_STATUSES)
export type TaskStatus = (typeof TASK_STATUSES)[number]

/** Why a message or task failed; a task's `resultMessage` begins with it. */
export const OUTCOME_CODES = [
  'VALIDATION_FAILED',
  'OUTSIDE_TIME_WINDOW',
  'CHANNEL_NOT_CONFIGURED',
  'RATE_LIMITED',
  'TEMPLATE_NOT_FOUND',
  'TEMPLATE_RENDER_FAILED',
  'CHANNEL_ERROR',
  'CONTENT_TOO_LONG',
  'NO_RECIPIENT',
  'EXPIRED',
  'CANCELLED',
  'POISONED',
] as const
export type OutcomeCode = (typeof OUTCOME_CODES)[number]

/** What a failure is called: one of ours, or the own code of a handler from outside. */
export type FailureCode = OutcomeCode | (string & {})
export const FAILURE_CODE_PATTERN = '^[A-Z][A-Z0-9_]{0,31}$'

export const MESSAGE_ID_PATTERN = '^[A-Za-z0-9._:-]{1,64}$'
const MessageId = Type.String({ pattern: MESSAGE_ID_PATTERN, description: 'Unique within the tenant' })
const CHANNEL_TYPE_PATTERN = '^[A-Z][A-Z0-9_]{0,31}$'
export const ChannelType = Type.String({ pattern: CHANNEL_TYPE_PATTERN, examples: ['DINGTALK'] })

const RecipientId = Type.String({ minLength: 1, maxLength: 128 })
export const RecipientsInput = Type.Object(
  {
    userIds: Type.Optional(Type.Array(RecipientId, { maxItems: 10_000, description: "The provider's user ids" })),
    mobiles: Type.Optional(Type.Array(Type.String({ pattern: '^\\+?[0-9-]{3,20}$' }), { maxItems: 10_000 })),
    all: Type.Optional(Type.Boolean({ description: 'Everyone the channel reaches' })),
  },
  { additionalProperties: false },
)

export const Attributes = Type.Object(
  {
    to: Type.Optional(RecipientsInput),
    messageType: Type.Optional(MessageType),
    priority: Type.Optional(Type.Integer({ minimum: 0, maximum: 9, description: '0 first; default 5' })),
    sendAt: Type.Optional(Type.String({ format: 'date-time', description: 'Not before; up to 30 days ahead' })),
    expiresAt: Type.Optional(
      Type.String({ format: 'date-time', description: 'What has not been sent by then fails as EXPIRED' }),
    ),
    callbackUrl: Type.Optional(
      Type.String({
        format: 'uri',
        pattern: '^https?://',
        maxLength: 2048,
        description:
          'Told of the final status by a signed POST (Standard Webhooks, see `webhooks`). http or https, any port, no user name or password, no inner address; the tenant needs a secret: `POST /api/callback-secret`',
      }),
    ),
  },
  { additionalProperties: true, description: 'Delivery options; other keys are open to templates as ${attributes.x}' },
)
export type Attributes = Static<typeof Attributes>

/** The data that templates are filled with. */
export const BusinessDataInput = Type.Union([
  Type.Object({}, { additionalProperties: true }),
  Type.String({ description: 'A string holding a JSON object' }),
])

/** Body of POST /api/messages, and an entry of the batch. */
export const MessageInput = Type.Object(
  {
    messageId: Type.Optional(MessageId),
    tenantId: Type.Optional(IdInput),
    storeId: Type.Optional(Type.Union([IdInput, Type.Null()])),
    businessType: Type.String({ minLength: 1, maxLength: 64, examples: ['ORDER_CREATED'] }),
    businessData: BusinessDataInput,
    targetChannels: Type.Optional(
      Type.Array(ChannelType, { minItems: 1, maxItems: 32, description: 'Default: every configured channel' }),
    ),
    attributes: Type.Optional(Attributes),
  },
  { additionalProperties: false, title: 'Message' },
)
export type MessageInput = Static<typeof MessageInput>

export const MAX_BATCH = 1000

/** Answer for one message. */
export const SendResult = Type.Object(
  {
    success: Type.Boolean(),
    messageId: Type.Optional(Type.String()),
    errorCode: Type.Optional(Type.String()),
    errorMessage: Type.Optional(Type.String()),
  },
  { title: 'SendResult' },
)
export type SendResult = Static<typeof SendResult>

export const BatchSendResult = Type.Object({
  totalCount: Type.Integer(),
  successCount: Type.Integer(),
  failedCount: Type.Integer(),
  results: Type.Array(SendResult),
})
export type BatchSendResult = Static<typeof BatchSendResult>

const Time = Type.String({ format: 'date-time' })
const OptionalTime = Type.Union([Time, Type.Null()])
const OptionalText = Type.Union([Type.String(), Type.Null()])

export const TaskDetail = Type.Object({
  id: IdOutput,
  messageId: Type.String(),
  channelType: Type.String(),
  channelConfigId: IdOutput,
  messageType: OptionalText,
  renderedContent: OptionalText,
  status: TaskStatus,
  retryCount: Type.Integer(),
  maxRetry: Type.Integer(),
  nextRetryTime: OptionalTime,
  errorCode: OptionalText,
  resultMessage: OptionalText,
  thirdPartyResponse: OptionalText,
  providerMessageId: OptionalText,
  recallTime: OptionalTime,
  createTime: Time,
  updateTime: Time,
  finishTime: OptionalTime,
})
export type TaskDetail = Static<typeof TaskDetail>

const messageFields = {
  id: IdOutput,
  messageId: Type.String(),
  tenantId: IdOutput,
  storeId: Type.Union([IdOutput, Type.Null()]),
  businessType: Type.String(),
  businessData: Type.Object({}, { additionalProperties: true }),
  targetChannels: Type.Union([Type.Array(Type.String()), Type.Null()]),
  attributes: Type.Union([Type.Object({}, { additionalProperties: true }), Type.Null()]),
  status: MessageStatus,
  errorCode: OptionalText,
  errorMessage: OptionalText,
  totalChannels: Type.Integer(),
  successChannels: Type.Integer(),
  failedChannels: Type.Integer(),
  createTime: Time,
  updateTime: Time,
  finishTime: OptionalTime,
  /** Absent where no callback is wanted. */
  callback: Type.Optional(MessageCallback),
}

/** An item of the message list. */
export const MessageSummary = Type.Object(messageFields)
export type MessageSummary = Static<typeof MessageSummary>

/** A message with its tasks. */
export const MessageDetail = Type.Object({ ...messageFields, tasks: Type.Array(TaskDetail) })
export type MessageDetail = Static<typeof MessageDetail>

/** `<table><seconds>-<row>-<page>-<total>`: m = of a message, k = of its task; an `e` behind it where the total is estimated. */
const LIST_CURSOR_PATTERN = '^[mk][0-9]{1,10}-[0-9]{1,18}-[0-9]{1,9}-[0-9]{1,15}e?$'

/** Filters of GET /api/messages. */
export const MessageFilters = Type.Object(
  {
    status: Type.Optional(MessageStatus),
    businessType: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    storeId: Type.Optional(IdText),
    channelType: Type.Optional(ChannelType),
    createdFrom: Type.Optional(Type.String({ format: 'date-time', description: 'Inclusive' })),
    createdTo: Type.Optional(Type.String({ format: 'date-time', description: 'Inclusive' })),
    cursor: Type.Optional(
      Type.String({
        pattern: LIST_CURSOR_PATTERN,
        description:
          'From the `Link` header of the page before, in place of `page`: the fast way through a long list, which what arrives meanwhile does not shift',
      }),
    ),
    ...PageQuery,
  },
  { additionalProperties: false },
)
export type MessageFilters = Static<typeof MessageFilters>

const Trace = Type.Object({ outcome: Type.String(), detail: Type.Optional(Type.String()) })
/** One pipeline step as it went. `at` is ISO 8601 UTC, `durationMs` has fractions. */
export const TraceStep = Type.Object({
  step: Type.String(),
  at: Time,
  durationMs: Type.Number(),
  ...Trace.properties,
})
export type TraceStep = Static<typeof TraceStep>
/** One attempt of a task as it went. */
export const TraceAttempt = Type.Object({
  attempt: Type.Integer(),
  at: Time,
  durationMs: Type.Number(),
  providerCode: Type.Optional(Type.String()),
  ...Trace.properties,
})
export type TraceAttempt = Static<typeof TraceAttempt>
const JobId = Type.String({ description: 'For the queue board; finished jobs are kept for a while only' })
export const MessageTrace = Type.Object({
  messageId: Type.String(),
  /** In the queue `pipeline`; absent before a later sendAt. */
  jobId: Type.Optional(JobId),
  traceId: Type.Optional(Type.String({ description: 'Its trace in the tracing system; absent where it has none' })),
  steps: Type.Array(TraceStep),
  tasks: Type.Array(
    Type.Object({
      taskId: IdOutput,
      channelType: Type.String(),
      /** In the queue `channel.<channelType>`. */
      jobId: JobId,
      attempts: Type.Array(TraceAttempt),
    }),
  ),
})
export type MessageTrace = Static<typeof MessageTrace>
