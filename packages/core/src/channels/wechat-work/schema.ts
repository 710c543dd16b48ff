import { type Static, Type } from 'typebox'
import { AgentId } from '../agent-id.ts'

// Provider formats: https://developer.work.weixin.qq.com/document/path/91770 (robot) and /90236 (app) (read 2026-08).

const Overflow = Type.Union([Type.Literal('reject'), Type.Literal('truncate')], {
  default: 'reject',
  description: 'Content over the size limit: refuse it (CONTENT_TOO_LONG), or cut the text and end it with "…"',
})

export const RobotConfig = Type.Object(
  {
    mode: Type.Literal('robot', { description: 'Robot of a group' }),
    key: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 512,
        pattern: '^[A-Za-z0-9._~-]+$',
        description: 'The key of the webhook; this or webhook',
      }),
    ),
    webhook: Type.Optional(
      Type.String({ minLength: 1, maxLength: 1024, description: 'The whole webhook URL; this or key' }),
    ),
    overflow: Type.Optional(Overflow),
  },
  { additionalProperties: false, title: 'WeCom robot' },
)
export type RobotConfig = Static<typeof RobotConfig>

export const AppConfig = Type.Object(
  {
    mode: Type.Literal('app', { description: 'Message of an app, to people' }),
    corpId: Type.String({ minLength: 1, maxLength: 256 }),
    corpSecret: Type.String({ minLength: 1, maxLength: 512 }),
    agentId: AgentId,
    duplicateCheckSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 14_400,
        default: 600,
        description:
          'WeCom drops the same content to the same people within this time, so that a retry never doubles a message; 0 = off, for messages that repeat on purpose',
      }),
    ),
    overflow: Type.Optional(Overflow),
  },
  { additionalProperties: false, title: 'WeCom app' },
)
export type AppConfig = Static<typeof AppConfig>

/** `configJson` of a WECHAT_WORK config; `mode` decides. */
export const WechatWorkConfig = {
  type: 'object',
  discriminator: { propertyName: 'mode' },
  oneOf: [RobotConfig, AppConfig],
}
export type WechatWorkConfig = RobotConfig | AppConfig

/** Body of `POST /cgi-bin/webhook/send`. */
export type RobotPayload =
  | { msgtype: 'text'; text: { content: string; mentioned_list?: string[]; mentioned_mobile_list?: string[] } }
  | { msgtype: 'markdown'; markdown: { content: string } }
  | { msgtype: 'news'; news: { articles: Article[] } }
  | { msgtype: 'template_card'; template_card: TextNotice }

/** What a content becomes in the body of `POST /cgi-bin/message/send`; the recipients and the agent come beside it. */
export type AppPayload =
  | { msgtype: 'text'; text: { content: string } }
  | { msgtype: 'markdown'; markdown: { content: string } }
  | { msgtype: 'news'; news: { articles: Article[] } }
  | { msgtype: 'textcard'; textcard: { title: string; description: string; url: string; btntxt: string } }
  | { msgtype: 'template_card'; template_card: TextNotice }

interface Article {
  title: string
  description: string
  url: string
  picurl?: string
}

export interface TextNotice {
  card_type: 'text_notice'
  main_title: { title: string }
  /** Plain text. */
  sub_title_text: string
  jump_list: UrlAction[]
  /** What a tap on the card opens; required. */
  card_action: { type: 1; url: string }
}

interface UrlAction {
  /** 1 = opens a URL. */
  type: 1
  title: string
  url: string
}
