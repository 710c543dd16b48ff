import { type FeishuConfig, TOKEN_PATTERN } from './schema.ts'

const FEISHU = 'https://open.feishu.cn'
const LARK = 'https://open.larksuite.com'
const PATH = '/open-apis/bot/v2/hook/'
const TOKEN = new RegExp(TOKEN_PATTERN)

/**
 * Where a bot may be called: at Feishu, at Lark and under the base URL. A config must not make the service call another
 * address, so a webhook has to begin with one of these literally: two readings of one URL (userinfo, backslash, port, dot
 * segments) cannot be told apart by a parser that normalises first.
 * @throws TypeError where the base URL is not an absolute http(s) one
 */
export function createWebhookRule(baseUrl = FEISHU) {
  const base = new URL(baseUrl)
  if (!/^https?:$/.test(base.protocol)) throw new TypeError('FEISHU_BASE_URL must begin with https:// or http://')
  const endpoint = base.origin + base.pathname.replace(/\/+$/, '') + PATH
  const endpoints = [...new Set([endpoint, FEISHU + PATH, LARK + PATH])]

  return {
    /** What is wrong with a config that its schema cannot tell. */
    faults({ webhook, token }: FeishuConfig): { path: string; message: string }[] {
      if ((webhook === undefined) === (token === undefined))
        return [{ path: 'token', message: 'exactly one of token and webhook is needed' }]
      if (webhook === undefined) return []
      const allowed = endpoints.find((candidate) => webhook.startsWith(candidate))
      if (allowed === undefined) return [{ path: 'webhook', message: `must begin with ${endpoints.join(' or ')}` }]
      const isToken = TOKEN.test(webhook.slice(allowed.length))
      return isToken ? [] : [{ path: 'webhook', message: `must end with the bot's token: ${TOKEN_PATTERN}` }]
    },

    /** The address of a config that has no faults. */
    url: ({ webhook, token }: FeishuConfig): string => webhook ?? `${endpoint}${token}`,
  }
}
