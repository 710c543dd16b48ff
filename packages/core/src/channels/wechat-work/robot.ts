import type { Content, MessageType } from '../../contracts/content.ts'
import type { Recipients, SendInput, SendOutcome, SendTools } from '../adapter.ts'
import { ChannelError } from '../channel-error.ts'
import { postJson } from '../http.ts'
import { endpointOf, type WebhookRule, webhookCredential, webhookFault } from '../webhook-url.ts'
import { readRobotAnswer } from './answer.ts'
import type { RobotConfig } from './schema.ts'
import { robotMessage } from './strategies/robot/index.ts'

const OFFICIAL_ENDPOINT = 'https://qyapi.weixin.qq.com/cgi-bin/webhook/send'

/** Mode `robot`: the webhook of a group robot. */
export function createRobotMode(baseUrl: string) {
  const endpoint = endpointOf(baseUrl, '/cgi-bin/webhook/send')
  const rule: WebhookRule = { endpoints: [...new Set([endpoint, OFFICIAL_ENDPOINT])], parameter: 'key' }
  return {
    checkConfig: (config: Partial<RobotConfig>) => configFaults(config, rule),

    /** @throws ChannelError CONTENT_TOO_LONG */
    payload: (type: MessageType, content: Content, recipients: Recipients) =>
      robotMessage(type, content, recipients, 'reject').payload,

    /** @throws ChannelError */
    async send(config: RobotConfig, input: SendInput, tools: SendTools): Promise<SendOutcome> {
      // Checked again, because the base URL may have changed since the config was stored.
      const fault = configFaults(config, rule)[0]
      if (fault)
        throw new ChannelError('PERMANENT', { code: 'INVALID_CONFIG', message: `${fault.path} ${fault.message}` })
      const { messageType, content, recipients } = input
      const { payload, notes } = robotMessage(messageType, content, recipients, config.overflow ?? 'reject')
      const answer = await postJson({ ...tools, url: callUrl(config, endpoint), body: payload })
      const response = readRobotAnswer(answer, secretsOf(config))
      return notes.length === 0 ? { response } : { response, detail: notes.join('; ') }
    },
  }
}

function configFaults(config: Partial<RobotConfig>, rule: WebhookRule): { path: string; message: string }[] {
  const { key, webhook } = config
  if ((key === undefined) === (webhook === undefined)) {
    return [{ path: 'key', message: 'exactly one of key and webhook is needed' }]
  }
  const message = webhook === undefined ? undefined : webhookFault(webhook, rule)
  return message === undefined ? [] : [{ path: 'webhook', message }]
}

function callUrl({ key, webhook }: RobotConfig, endpoint: string): URL {
  const url = new URL(webhook ?? endpoint)
  if (key !== undefined) url.searchParams.set('key', key)
  return url
}

function secretsOf({ key, webhook }: RobotConfig): string[] {
  const fromWebhook = webhook === undefined ? undefined : webhookCredential(webhook, 'key')
  return [key, webhook, fromWebhook].filter((value) => value !== undefined)
}
