import { type Static, Type } from 'typebox'
import { AgentId } from '../agent-id.ts'

// Provider formats: https://open.dingtalk.com/document/robots/custom-robot-access and
// https://open.dingtalk.com/document/orgapp/asynchronous-sending-of-enterprise-session-messages (read 2026-08).

const Overflow = Type.Union([Type.Literal('reject'), Type.Literal('truncate')], {
  default: 'reject',
  description: 'Content over the size limit: refuse it (CONTENT_TOO_LONG), or cut the text and end it with "…"',
})

export const RobotConfig = Type.Object(
  {
    mode: Type.Literal('robot', { description: 'Custom robot of a group' }),
    accessToken: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 512,
        pattern: '^[A-Za-z0-9._~-]+$',
        description: 'The access_token of the webhook; this or webhook',
      }),
    ),
    webhook: Type.Optional(
      Type.String({ minLength: 1, maxLength: 1024, description: 'The whole webhook URL; this or accessToken' }),
    ),
    secret: Type.Optional(
      Type.String({ minLength: 1, maxLength: 512, description: 'SEC…, where the robot asks for signed calls' }),
    ),
    overflow: Type.Optional(Overflow),
  },
  { additionalProperties: false, title: 'DingTalk robot' },
)
export type RobotConfig = Static<typeof RobotConfig>

export const AppConfig = Type.Object(
  {
    mode: Type.Literal('app', { description: 'Work notification of an app, to people' }),
    appKey: Type.String({ minLength: 1, maxLength: 256 }),
    appSecret: Type.String({ minLength: 1, maxLength: 512 }),
    agentId: AgentId,
    queryResult: Type.Optional(
      Type.Boolean({
        default: true,
        description:
          'Ask DingTalk some seconds later who was not reached, and say so in the task; costs one API call per 100 recipients',
      }),
    ),
    overflow: Type.Optional(Overflow),
  },
  { additionalProperties: false, title: 'DingTalk app' },
)
export type AppConfig = Static<typeof AppConfig>

/** `configJson` of a DINGTALK config; `mode` decides. */
export const DingtalkConfig = {
  type: 'object',
  discriminator: { propertyName: 'mode' },
  oneOf: [RobotConfig, AppConfig],
}
export type DingtalkConfig = RobotConfig | AppConfig

export interface At {
  atMobiles: string[]
  atUserIds: string[]
  isAtAll: boolean
}

/** Body of `POST /robot/send`, without `msgUuid`. The case of field names differs between types; that is DingTalk's. */
export type RobotPayload =
  | { msgtype: 'text'; text: { content: string }; at?: At }
  | { msgtype: 'markdown'; markdown: { title: string; text: string }; at?: At }
  | { msgtype: 'link'; link: { title: string; text: string; messageUrl: string; picUrl?: string } }
  | { msgtype: 'actionCard'; actionCard: SingleCard | ButtonCard; at?: At }

interface SingleCard {
  title: string
  text: string
  singleTitle: string
  singleURL: string
}

interface ButtonCard {
  title: string
  text: string
  /** "0" = stacked, "1" = side by side. */
  btnOrientation: '0' | '1'
  btns: { title: string; actionURL: string }[]
}

/** `msg` of a work notification: at most 2048 bytes. Like the robot's payloads, but in snake case. */
export type WorkNotice =
  | { msgtype: 'text'; text: { content: string } }
  | { msgtype: 'markdown'; markdown: { title: string; text: string } }
  | { msgtype: 'link'; link: { title: string; text: string; messageUrl: string; picUrl: string } }
  | { msgtype: 'action_card'; action_card: SingleActionCard | ButtonActionCard }

interface SingleActionCard {
  title: string
  markdown: string
  single_title: string
  single_url: string
}

interface ButtonActionCard {
  title: string
  markdown: string
  /** "0" = stacked, "1" = side by side. */
  btn_orientation: '0' | '1'
  btn_json_list: { title: string; action_url: string }[]
}
