import type { Content, MessageType } from '../../contracts/content.ts'
import type { Recipients, SendInput, SendOutcome, SendTools } from '../adapter.ts'
import { ChannelError } from '../channel-error.ts'
import { type JsonAnswer, postJson } from '../http.ts'
import { fitText, type Overflow } from '../truncate.ts'
import { endpointOf, type WebhookRule, webhookCredential, webhookFault } from '../webhook-url.ts'
import { isInvalidTimestamp, readRobotAnswer } from './answer.ts'
import type { RobotConfig } from './schema.ts'
import { signRobotCall } from './sign.ts'
import { robotMessage } from './strategies/robot/index.ts'
import type { RobotMessage } from './strategies/robot/message.ts'

const OFFICIAL_ENDPOINT = 'https://oapi.dingtalk.com/robot/send'
/** Bytes of the whole JSON body; more is error 460101. */
export const MAX_BODY_BYTES = 20_000
/** Stands for the idempotency key in previews, so that what a preview takes is never too long when sent. */
const LONGEST_MSG_UUID = '0'.repeat(128)

/** Mode `robot`: the webhook of a group robot. */
export function createRobotMode(baseUrl: string) {
  const endpoint = endpointOf(baseUrl, '/robot/send')
  const rule: WebhookRule = { endpoints: [...new Set([endpoint, OFFICIAL_ENDPOINT])], parameter: 'access_token' }
  return {
    checkConfig: (config: Partial<RobotConfig>) => configFaults(config, rule),

    /** @throws ChannelError CONTENT_TOO_LONG */
    payload: (type: MessageType, content: Content, recipients: Recipients) =>
      fittedMessage(type, content, recipients, LONGEST_MSG_UUID, 'reject').payload,

    /** @throws ChannelError */
    async send(config: RobotConfig, input: SendInput, tools: SendTools): Promise<SendOutcome> {
      // Checked again, because the base URL may have changed since the config was stored.
      const fault = configFaults(config, rule)[0]
      if (fault)
        throw new ChannelError('PERMANENT', { code: 'INVALID_CONFIG', message: `${fault.path} ${fault.message}` })
      const { messageType, content, recipients, idempotencyKey } = input
      const { payload, notes } = fittedMessage(
        messageType,
        content,
        recipients,
        idempotencyKey,
        config.overflow ?? 'reject',
      )
      const post = (timestampMs: number): Promise<JsonAnswer> =>
        postJson({
          ...tools,
          url: callUrl(config, endpoint, timestampMs),
          body: { ...payload, msgUuid: idempotencyKey },
        })
      const signedAt = Date.now()
      let answer = await post(signedAt)
      if (config.secret !== undefined && isInvalidTimestamp(answer, signedAt)) answer = await post(providerTime(answer))
      const response = readRobotAnswer(answer, secretsOf(config))
      return notes.length === 0 ? { response } : { response, detail: notes.join('; ') }
    },
  }
}

function configFaults(config: Partial<RobotConfig>, rule: WebhookRule): { path: string; message: string }[] {
  const { accessToken, webhook } = config
  if ((accessToken === undefined) === (webhook === undefined)) {
    return [{ path: 'accessToken', message: 'exactly one of accessToken and webhook is needed' }]
  }
  const message = webhook === undefined ? undefined : webhookFault(webhook, rule)
  return message === undefined ? [] : [{ path: 'webhook', message }]
}

/** The message, its text cut where the whole body would be too long and `overflow` allows it. */
function fittedMessage(
  type: MessageType,
  content: Content,
  recipients: Recipients,
  msgUuid: string,
  overflow: Overflow,
): RobotMessage {
  const build = (text: string): RobotMessage =>
    robotMessage(type, typeof content === 'string' ? text : { ...content, text }, recipients)
  const size = (text: string): number => Buffer.byteLength(JSON.stringify({ ...build(text).payload, msgUuid }))
  const text = typeof content === 'string' ? content : content.text
  return build(fitText(text, { field: 'the message body', maxBytes: MAX_BODY_BYTES, size }, overflow))
}

function callUrl(config: RobotConfig, endpoint: string, timestampMs: number): URL {
  const url = new URL(config.webhook ?? endpoint)
  if (config.accessToken !== undefined) url.searchParams.set('access_token', config.accessToken)
  if (config.secret !== undefined) {
    url.searchParams.set('timestamp', String(timestampMs))
    url.searchParams.set('sign', signRobotCall(config.secret, timestampMs))
  }
  return url
}

/** The provider's clock by its Date header: where our own is wrong, signing with ours again would fail again. */
function providerTime(answer: JsonAnswer): number {
  const date = Date.parse(String(answer.headers.date))
  return Number.isNaN(date) ? Date.now() : date
}

function secretsOf({ accessToken, webhook, secret }: RobotConfig): string[] {
  const token = webhook === undefined ? undefined : webhookCredential(webhook, 'access_token')
  return [accessToken, webhook, token, secret].filter((value) => value !== undefined)
}
