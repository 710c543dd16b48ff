import { type Static, Type } from 'typebox'
import { IdInput, IdOutput } from './ids.ts'

/**
 * AWAITED: the message is not final yet. DUE: its callback is being made, or waits for its next try. DELIVERED: the receiver
 * took it. FAILED: given up.
 */
export const CALLBACK_STATES = ['AWAITED', 'DUE', 'DELIVERED', 'FAILED'] as const
export type CallbackState = (typeof CALLBACK_STATES)[number]

/** What has become of a message's callback. Messages without a `callbackUrl` have none. */
export const MessageCallback = Type.Object(
  {
    state: Type.Enum(CALLBACK_STATES, {
      description:
        'AWAITED: the message is not final yet; DUE: being made, or waiting for its next try; DELIVERED: the receiver answered 2xx; FAILED: given up',
    }),
    attempts: Type.Integer({ description: 'Tries so far' }),
    lastResult: Type.Union([Type.String(), Type.Null()], {
      description: 'What the last try led to',
      examples: ['HTTP 503'],
    }),
    nextTime: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: 'When it is tried again',
    }),
  },
  { title: 'MessageCallback' },
)
export type MessageCallback = Static<typeof MessageCallback>

/** Body of POST /api/callback-secret; a call without a body is the same as `{}`. */
export const CallbackSecretInput = Type.Object(
  { tenantId: Type.Optional(IdInput) },
  { additionalProperties: false, title: 'CallbackSecretInput' },
)

/** A tenant's signing secret as answered: never the secret itself. */
export const CallbackSecret = Type.Object(
  {
    tenantId: IdOutput,
    createTime: Type.String({ format: 'date-time', description: 'Since when it signs' }),
    previousUntil: Type.Union([Type.String({ format: 'date-time' }), Type.Null()], {
      description: 'Until when the secret that it replaced signs as well',
    }),
  },
  { title: 'CallbackSecret' },
)
export type CallbackSecret = Static<typeof CallbackSecret>

/** The answer to the making of a secret: the only one that holds it. */
export const NewCallbackSecret = Type.Object(
  {
    ...CallbackSecret.properties,
    secret: Type.String({ description: '`whsec_` and base64; shown this once', examples: ['whsec_…'] }),
  },
  { title: 'NewCallbackSecret' },
)
export type NewCallbackSecret = Static<typeof NewCallbackSecret>
