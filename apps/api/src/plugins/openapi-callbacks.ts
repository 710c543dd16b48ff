import { CallbackEvent } from '@message-center/core/contracts/callback-event.ts'

const EXAMPLE: CallbackEvent = {
  type: 'message.finished',
  timestamp: '2026-11-24T10:00:05.000Z',
  data: {
    messageId: 'order-1',
    tenantId: '1',
    storeId: null,
    businessType: 'ORDER_CREATED',
    status: 'PARTIAL_SUCCESS',
    errorCode: 'RATE_LIMITED',
    errorMessage: 'RATE_LIMITED: no slot was free',
    totalChannels: 2,
    successChannels: 1,
    failedChannels: 1,
    createTime: '2026-11-24T10:00:00.000Z',
    finishTime: '2026-11-24T10:00:05.000Z',
    tasks: [
      { taskId: '71', channelType: 'DINGTALK', status: 'SUCCESS', errorCode: null },
      { taskId: '72', channelType: 'WECHAT_WORK', status: 'FAILED', errorCode: 'RATE_LIMITED' },
    ],
  },
}

/** As plain JSON: what TypeBox adds for itself is no part of a document. */
const SCHEMA = JSON.parse(JSON.stringify(CallbackEvent))

const header = (name: string, description: string) => ({
  name,
  in: 'header' as const,
  required: true,
  description,
  schema: { type: 'string' as const },
})

/** The `webhooks` section: what this service calls, instead of being called. */
export const CALLBACK_WEBHOOKS = {
  'message.finished': {
    post: {
      summary: "A message's final status, told to its callbackUrl",
      description:
        'Standard Webhooks 1.0.0 (https://www.standardwebhooks.com): verify the signature over `{webhook-id}.{webhook-timestamp}.{body}` by the secret of `POST /api/callback-secret`, and take each webhook-id once: after a crash, or when your answer gets lost, the same event may come again. 2xx within SEND_TIMEOUT_MS (10 s by default) is success, and 410 ends it. Everything else, redirects included, is tried again after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h (or what Retry-After asks for, if that is longer), then given up. The message tells how it went in `callback`.',
      security: [],
      parameters: [
        header('webhook-id', 'The event: the same for all its tries'),
        header('webhook-timestamp', 'When this try was made, Unix time in seconds'),
        header(
          'webhook-signature',
          '`v1,<base64 HMAC-SHA256>`; several, separated by spaces, while a secret is replaced',
        ),
      ],
      requestBody: { required: true, content: { 'application/json': { schema: SCHEMA, example: EXAMPLE } } },
      responses: { '2XX': { description: 'Taken' }, '410': { description: 'Not wanted any more: not tried again' } },
    },
  },
}
