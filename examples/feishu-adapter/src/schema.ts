// Formats: https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot

export const MESSAGE_TYPES = ['CARD', 'LINK', 'MARKDOWN', 'TEXT'] as const

/** The last part of a webhook URL. Its length lets the service recognise, and mask, it in any text. */
export const TOKEN_PATTERN = '^[A-Za-z0-9_-]{16,128}$'

/** `configJson` of a FEISHU config, as JSON Schema. */
export const feishuConfig = {
  type: 'object',
  title: 'Feishu custom bot',
  additionalProperties: false,
  properties: {
    webhook: {
      type: 'string',
      minLength: 1,
      maxLength: 1024,
      description: 'The whole webhook URL of the bot, of Feishu or Lark; this or token',
    },
    token: {
      type: 'string',
      pattern: TOKEN_PATTERN,
      description:
        'The last part of the webhook URL; this or webhook. Called at FEISHU_BASE_URL, else at open.feishu.cn',
    },
    secret: {
      type: 'string',
      minLength: 6,
      maxLength: 256,
      description: 'Where the bot has its signature check (签名校验) switched on',
    },
  },
}

export interface FeishuConfig {
  webhook?: string
  token?: string
  secret?: string
}

/** Body of a webhook call, without `timestamp` and `sign`. */
export type FeishuPayload =
  | { msg_type: 'text'; content: { text: string } }
  | { msg_type: 'post'; content: { post: { zh_cn: { title: string; content: PostElement[][] } } } }
  | { msg_type: 'interactive'; card: Card }

/** One element of a line of a post. */
export type PostElement =
  | { tag: 'text'; text: string }
  | { tag: 'a'; text: string; href: string }
  | { tag: 'at'; user_id: string }

export interface Card {
  config: { wide_screen_mode: true }
  header?: { title: { tag: 'plain_text'; content: string } }
  elements: CardElement[]
}

export type CardElement =
  | { tag: 'div'; text: { tag: 'lark_md'; content: string } }
  | { tag: 'action'; actions: CardButton[] }

export interface CardButton {
  tag: 'button'
  text: { tag: 'plain_text'; content: string }
  url: string
  type: 'default'
}
