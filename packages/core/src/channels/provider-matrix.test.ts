import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { startSandbox } from '../../../devkit/src/sandbox/start.ts'
import type { Content, MessageType } from '../contracts/content.ts'
import type { Recipients } from './adapter.ts'
import { createTestSender, createTestTokens, NOBODY } from './adapter-test-kit.ts'
import { createDingtalkAdapter } from './dingtalk/index.ts'
import { createWechatWorkAdapter } from './wechat-work/index.ts'

// Every provider × mode × message type × kind of recipients, against a provider that refuses what its documentation does not
// allow; each request is compared field by field.

const sandbox = await startSandbox()
const { tokens, connected, close } = createTestTokens(inject('redisUrl'))
await connected()
afterAll(async () => {
  close()
  await sandbox.stop()
})
beforeEach(() => sandbox.client.reset())

const dingtalk = createDingtalkAdapter({
  baseUrl: `${sandbox.url}/dingtalk`,
  apiBaseUrl: `${sandbox.url}/dingtalk`,
  tokens,
})
const wecom = createWechatWorkAdapter({ baseUrl: `${sandbox.url}/wecom`, tokens })

const url = 'https://shop.example/o?id=1&b=2'
const picUrl = 'https://pics.example/a.png'
const later = 'https://shop.example/later'
const CONTENTS: [MessageType, Content][] = [
  ['TEXT', '订单 "A-1"\n已支付'],
  ['MARKDOWN', { title: 'Paid', text: '> **9** yuan' }],
  ['LINK', { title: 'Paid', text: '9 yuan', url, picUrl }],
  [
    'CARD',
    {
      title: 'Paid',
      text: '9 yuan',
      buttons: [
        { title: 'Open it', url },
        { title: 'Later', url: later },
      ],
    },
  ],
]
/** What the card becomes on WeCom. */
const TEXT_NOTICE = {
  card_type: 'text_notice',
  main_title: { title: 'Paid' },
  sub_title_text: '9 yuan',
  jump_list: [
    { type: 1, title: 'Open it', url },
    { type: 1, title: 'Later', url: later },
  ],
  card_action: { type: 1, url },
}
type ByType = Record<MessageType, object>

const RECIPIENTS: [string, Recipients][] = [
  ['nobody', NOBODY],
  ['user ids', { ...NOBODY, userIds: ['u1', 'u2'] }],
  ['mobiles', { ...NOBODY, mobiles: ['13800000000'] }],
  ['both', { userIds: ['u1'], mobiles: ['13800000000'], all: false }],
  ['everyone', { ...NOBODY, all: true }],
]
const CASES = CONTENTS.flatMap(([type, content]) => RECIPIENTS.map(([kind, to]) => ({ type, content, kind, to })))
const WITH_RECIPIENTS = CASES.filter(({ kind }) => kind !== 'nobody')

async function received() {
  // The reset before each test takes away the token of the last one: a first call may be refused for that.
  const messages = (await sandbox.client.messages()).filter(({ answer }) => answer.errcode !== 40014)
  expect(messages).toHaveLength(1)
  return messages[0]
}
const TAKEN = { answer: { status: 200, errcode: 0 }, delivered: true, duplicate: false, dropped: false, truncated: [] }

describe('DINGTALK robot', () => {
  const { send } = createTestSender(dingtalk, { mode: 'robot', accessToken: 'robot-token' })
  const cardBase = { title: 'Paid', btnOrientation: '0' }
  const btns = [
    { title: 'Open it', actionURL: url },
    { title: 'Later', actionURL: later },
  ]
  const expected = ({ userIds, mobiles, all }: Recipients): ByType => {
    const markers = [...userIds, ...mobiles].map((one) => `@${one}`).join(' ')
    const at = markers || all ? { at: { atUserIds: userIds, atMobiles: mobiles, isAtAll: all } } : {}
    const cardAt = userIds.length > 0 ? { at: { atUserIds: userIds, atMobiles: [], isAtAll: false } } : {}
    const cardMarkers = userIds.map((one) => `@${one}`).join(' ')
    const text = (body: string, separator: string, those: string) => (those ? body + separator + those : body)
    return {
      TEXT: { msgtype: 'text', text: { content: text('订单 "A-1"\n已支付', '\n', markers) }, ...at },
      MARKDOWN: {
        msgtype: 'markdown',
        markdown: { title: 'Paid', text: text('#### Paid\n> **9** yuan', '\n\n', markers) },
        ...at,
      },
      LINK: { msgtype: 'link', link: { title: 'Paid', text: '9 yuan', messageUrl: url, picUrl } },
      CARD: {
        msgtype: 'actionCard',
        actionCard: { ...cardBase, text: text('#### Paid\n9 yuan', '\n\n', cardMarkers), btns },
        ...cardAt,
      },
    }
  }

  test.each(CASES)('$type for $kind', async ({ type, content, to }) => {
    await send({ messageType: type, content, recipients: to })
    const message = await received()
    expect(message).toMatchObject({ ...TAKEN, mode: 'robot', key: 'robot-token' })
    expect(message?.payload).toEqual({ ...expected(to)[type], msgUuid: 'mc-7' })
    expect(message?.recipients.notShown).toEqual([])
  })
})

describe('DINGTALK app', () => {
  const { send } = createTestSender(dingtalk, { mode: 'app', appKey: 'key', appSecret: 'secret', agentId: '4711' })
  const expected: ByType = {
    TEXT: { msgtype: 'text', text: { content: '订单 "A-1"\n已支付' } },
    MARKDOWN: { msgtype: 'markdown', markdown: { title: 'Paid', text: '#### Paid\n> **9** yuan' } },
    LINK: { msgtype: 'link', link: { title: 'Paid', text: '9 yuan', messageUrl: url, picUrl } },
    CARD: {
      msgtype: 'action_card',
      action_card: {
        title: 'Paid',
        markdown: '#### Paid\n9 yuan',
        btn_orientation: '0',
        btn_json_list: [
          { title: 'Open it', action_url: url },
          { title: 'Later', action_url: later },
        ],
      },
    },
  }

  test.each(WITH_RECIPIENTS)('$type for $kind', async ({ type, content, to }) => {
    const { providerMessageId } = await send({ messageType: type, content, recipients: to })
    const message = await received()
    const users = [...to.userIds, ...to.mobiles.map((mobile) => `user-${mobile}`)]
    expect(message?.payload).toEqual({
      agent_id: 4711,
      ...(to.all ? { to_all_user: true } : { userid_list: users.join(',') }),
      msg: expected[type],
    })
    expect(message).toMatchObject({ ...TAKEN, mode: 'app', messageId: providerMessageId })
    expect(message?.recipients).toMatchObject({ userIds: users, all: to.all, invalid: [] })
  })
})

describe('WECHAT_WORK robot', () => {
  const { send } = createTestSender(wecom, { mode: 'robot', key: 'robot-key' })
  const expected = ({ userIds, mobiles, all }: Recipients): ByType => {
    const mentions = userIds.map((one) => `<@${one}>`).join(' ')
    return {
      TEXT: {
        msgtype: 'text',
        text: {
          content: '订单 "A-1"\n已支付',
          ...(userIds.length > 0 && { mentioned_list: userIds }),
          ...(all && { mentioned_list: ['@all'] }),
          ...(mobiles.length > 0 && { mentioned_mobile_list: mobiles }),
        },
      },
      MARKDOWN: {
        msgtype: 'markdown',
        markdown: { content: `**Paid**\n> **9** yuan${mentions && `\n\n${mentions}`}` },
      },
      LINK: {
        msgtype: 'news',
        news: { articles: [{ title: 'Paid', description: '9 yuan', url, picurl: picUrl }] },
      },
      CARD: { msgtype: 'template_card', template_card: TEXT_NOTICE },
    }
  }

  test.each(CASES)('$type for $kind', async ({ type, content, to }) => {
    await send({ messageType: type, content, recipients: to })
    const message = await received()
    expect(message).toMatchObject({ ...TAKEN, mode: 'robot', key: 'robot-key' })
    expect(message?.payload).toEqual(expected(to)[type])
    expect(message?.recipients.notShown).toEqual([])
  })
})

describe('WECHAT_WORK app', () => {
  const config = { mode: 'app', corpId: 'corp', corpSecret: 'secret', agentId: '1000002' }
  const { send } = createTestSender(wecom, config)
  const expected: ByType = {
    TEXT: { msgtype: 'text', text: { content: '订单 "A-1"\n已支付' } },
    MARKDOWN: { msgtype: 'markdown', markdown: { content: '**Paid**\n> **9** yuan' } },
    LINK: { msgtype: 'news', news: { articles: [{ title: 'Paid', description: '9 yuan', url, picurl: picUrl }] } },
    CARD: { msgtype: 'template_card', template_card: TEXT_NOTICE },
  }

  test.each(WITH_RECIPIENTS)('$type for $kind', async ({ type, content, to }) => {
    const { providerMessageId } = await send({ messageType: type, content, recipients: to })
    const message = await received()
    const users = [...to.userIds, ...to.mobiles.map((mobile) => `user-${mobile}`)]
    expect(message?.payload).toEqual({
      touser: to.all ? '@all' : users.join('|'),
      agentid: 1000002,
      ...expected[type],
      enable_duplicate_check: 1,
      duplicate_check_interval: 600,
    })
    expect(message).toMatchObject({ ...TAKEN, mode: 'app', messageId: providerMessageId })
    expect(message?.recipients).toMatchObject({ userIds: users, all: to.all, invalid: [] })
  })
})
