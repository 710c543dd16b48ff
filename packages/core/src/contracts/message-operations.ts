import { type Static, Type } from 'typebox'
import { IdInput, IdOutput } from './ids.ts'
import { ChannelType, FAILURE_CODE_PATTERN, MessageFilters } from './messages.ts'

/** Body of POST /api/messages/{messageId}/retry. */
export const RetryInput = Type.Object(
  {
    taskIds: Type.Optional(
      Type.Array(IdInput, {
        minItems: 1,
        maxItems: 100,
        description: 'Only these tasks, as GET /api/messages/{messageId} names them; without it all that have failed',
      }),
    ),
  },
  { additionalProperties: false, title: 'RetryInput' },
)
export type RetryInput = Static<typeof RetryInput>

const Count = (description: string) => Type.Integer({ minimum: 0, description })

export const RetryResult = Type.Object(
  { retried: Count('Tasks that are tried again; a message that failed without any counts as one') },
  { title: 'RetryResult' },
)
export type RetryResult = Static<typeof RetryResult>

export const MAX_REDRIVE = 1000
const { status, businessType, createdFrom, createdTo } = MessageFilters.properties

/** Body of POST /api/messages/retry: the filters of the list, and how far to go. */
export const RedriveInput = Type.Object(
  {
    status: Type.Optional({
      ...status,
      description: 'Without it FAILED and PARTIAL_SUCCESS; PROCESSING: what has failed of messages that are under way',
    }),
    businessType,
    storeId: Type.Optional(IdInput),
    channelType: Type.Optional({ ...ChannelType, description: 'Only the failed tasks of this channel' }),
    errorCode: Type.Optional(
      Type.String({
        pattern: FAILURE_CODE_PATTERN,
        examples: ['CHANNEL_ERROR'],
        description: 'Only what failed with this code. What was cancelled is left alone unless this says CANCELLED',
      }),
    ),
    createdFrom,
    createdTo,
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_REDRIVE,
        default: MAX_REDRIVE,
        description: 'Most messages of one call',
      }),
    ),
    cursor: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,10}-[0-9]{1,19}$',
        description: "The previous answer's nextCursor: goes on behind it",
      }),
    ),
    dryRun: Type.Optional(Type.Boolean({ default: false, description: 'Only counts what this call would do' })),
  },
  { additionalProperties: false, title: 'RedriveInput' },
)
export type RedriveInput = Static<typeof RedriveInput>

export const RedriveResult = Type.Object(
  {
    messages: Count('Messages of which something is tried again'),
    retried: Count('Tasks that are tried again; a message that failed without any counts as one'),
    dryRun: Type.Boolean({ description: 'True: nothing was done' }),
    nextCursor: Type.Union([Type.String(), Type.Null()], {
      description: 'There are more: send it as `cursor`. null = these were all',
    }),
  },
  { title: 'RedriveResult' },
)
export type RedriveResult = Static<typeof RedriveResult>

export const CancelResult = Type.Object(
  { cancelled: Count('Channels on which nothing is sent any more; a message that has none counts as one') },
  { title: 'CancelResult' },
)
export type CancelResult = Static<typeof CancelResult>

export const RecallResult = Type.Object({
  taskId: IdOutput,
  channelType: Type.String(),
  recalled: Type.Boolean({ description: 'True also where it had been recalled before; then `reason` says when' }),
  reason: Type.Optional(Type.String({ description: 'Why not, or what else there is to say' })),
})
export type RecallResult = Static<typeof RecallResult>

export const RecallResults = Type.Object({ results: Type.Array(RecallResult) }, { title: 'RecallResults' })
export type RecallResults = Static<typeof RecallResults>
