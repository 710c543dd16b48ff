import type { ChannelAdapter } from '@message-center/core'
import { readAnswer } from './answer.ts'
import { feishuError } from './feishu-error.ts'
import { type FeishuConfig, feishuConfig, MESSAGE_TYPES } from './schema.ts'
import { signature } from './sign.ts'
import { feishuMessage, MAX_BODY_BYTES, signedBody } from './strategies/index.ts'
import { createWebhookRule } from './webhook.ts'

export interface FeishuOptions {
  /** Where a config's `token` is called; default https://open.feishu.cn. Also a private deployment, or a fake in tests. */
  baseUrl?: string | undefined
}

/**
 * Channel FEISHU: custom bots of groups in Feishu (飞书) and Lark. Everything of `@message-center/core` that is used here is a
 * type, so this folder runs wherever it is copied to, with nothing installed.
 * @throws TypeError where the base URL is not an absolute one
 */
export function createFeishuAdapter({ baseUrl }: FeishuOptions = {}): ChannelAdapter {
  const webhooks = createWebhookRule(baseUrl)
  return {
    type: 'FEISHU',
    displayName: '飞书',
    configSchema: feishuConfig,
    secretFields: ['webhook', 'token', 'secret'],
    messageTypes: MESSAGE_TYPES,
    rateLimit: { count: 100, window: 1, unit: 'MINUTE' },
    maxBytes: MAX_BODY_BYTES,
    checkConfig: (config) => webhooks.faults(config),
    payloads: (type, content, recipients) => ({ robot: feishuMessage(type, content, recipients).payload }),

    async send({ config: settings, messageType, content, recipients }, { fetch, signal }) {
      // The service has checked it against configSchema.
      const config = settings as FeishuConfig
      // Checked again: the base URL may have changed since the config was stored.
      const [fault] = webhooks.faults(config)
      if (fault) throw feishuError('PERMANENT', { code: 'INVALID_CONFIG', message: `${fault.path} ${fault.message}` })
      const { payload, notes } = feishuMessage(messageType, content, recipients)
      const response = await fetch(webhooks.url(config), {
        method: 'POST',
        headers: { 'content-type': 'application/json; charset=utf-8' },
        body: signedBody(payload, config.secret === undefined ? {} : signature(config.secret, Date.now())),
        signal,
      })
      const kept = await readAnswer(response)
      return notes.length === 0 ? { response: kept } : { response: kept, detail: notes.join('; ') }
    },

    async recall() {
      return { recalled: false, reason: 'Feishu cannot take back what a custom bot has sent' }
    },
  }
}

export default createFeishuAdapter({ baseUrl: process.env.FEISHU_BASE_URL || undefined })
