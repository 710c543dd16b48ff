import { type Static, Type } from 'typebox'
import { IdOutput } from './ids.ts'
import { MessageStatus, TaskStatus } from './messages.ts'

const Time = Type.String({ format: 'date-time' })
const OptionalText = Type.Union([Type.String(), Type.Null()])

/** What a `callbackUrl` is told: the body of the request, after Standard Webhooks. */
export const CallbackEvent = Type.Object(
  {
    type: Type.Literal('message.finished'),
    timestamp: Type.String({ format: 'date-time', description: 'When the message became final' }),
    data: Type.Object({
      messageId: Type.String(),
      tenantId: IdOutput,
      storeId: Type.Union([IdOutput, Type.Null()]),
      businessType: Type.String(),
      status: MessageStatus,
      errorCode: OptionalText,
      errorMessage: OptionalText,
      totalChannels: Type.Integer(),
      successChannels: Type.Integer(),
      failedChannels: Type.Integer(),
      createTime: Time,
      finishTime: Time,
      tasks: Type.Array(
        Type.Object({ taskId: IdOutput, channelType: Type.String(), status: TaskStatus, errorCode: OptionalText }),
      ),
    }),
  },
  { title: 'CallbackEvent' },
)
export type CallbackEvent = Static<typeof CallbackEvent>
