import type { Content, MessageType, Recipients } from '@message-center/core'
import { describe, expect, test } from 'vitest'
import { feishuMessage, MAX_BODY_BYTES, signedBody } from '../src/strategies/index.ts'
import { payloadFault } from './fake-payload.ts'

const NOBODY: Recipients = { userIds: [], mobiles: [], all: false }
const PEOPLE: Recipients = { ...NOBODY, userIds: ['ou_1', 'u2'] }
const EVERYONE: Recipients = { ...NOBODY, all: true }
const url = 'https://shop.example/o?id=1&b=2'

function build(type: MessageType, content: Content, recipients: Recipients) {
  const { payload } = feishuMessage(type, content, recipients)
  expect(payloadFault({ ...payload })).toBeUndefined()
  return payload
}
const text = (content: string) => ({ msg_type: 'text', content: { text: content } })
const post = (...lines: object[][]) => ({
  msg_type: 'post',
  content: { post: { zh_cn: { title: 'Paid', content: lines } } },
})
const card = (header: object, ...elements: object[]) => ({
  msg_type: 'interactive',
  card: { config: { wide_screen_mode: true }, ...header, elements },
})
const header = { header: { title: { tag: 'plain_text', content: 'Paid' } } }
const markdown = (content: string) => ({ tag: 'div', text: { tag: 'lark_md', content } })
const button = (title: string) => ({ tag: 'button', text: { tag: 'plain_text', content: title }, url, type: 'default' })
const link = (label: string, href: string) => ({ tag: 'a', text: label, href })
const buttons = ['Open', 'Later'].map((title) => ({ title, url }))
const picUrl = 'https://pics.example/a.png'

describe('what a content becomes', () => {
  test.each<[string, MessageType, Content, Recipients, object]>([
    ['TEXT', 'TEXT', '9 yuan', NOBODY, text('9 yuan')],
    ['TEXT with mentions', 'TEXT', '9 yuan', PEOPLE, text('9 yuan\n<at user_id="ou_1"></at> <at user_id="u2"></at>')],
    ['TEXT to everyone', 'TEXT', '9 yuan', EVERYONE, text('9 yuan\n<at user_id="all"></at>')],
    ['MARKDOWN', 'MARKDOWN', { text: '**9** yuan' }, NOBODY, card({}, markdown('**9** yuan'))],
    [
      'MARKDOWN with title and mentions',
      'MARKDOWN',
      { title: 'Paid', text: '**9** yuan' },
      PEOPLE,
      card(header, markdown('**9** yuan\n<at id=ou_1></at> <at id=u2></at>')),
    ],
    [
      'LINK',
      'LINK',
      { title: 'Paid', text: '9 yuan\nby card', url },
      NOBODY,
      post([{ tag: 'text', text: '9 yuan' }], [{ tag: 'text', text: 'by card' }], [link('查看详情', url)]),
    ],
    [
      'LINK with a picture, to everyone',
      'LINK',
      { title: 'Paid', text: '9 yuan', url, picUrl },
      EVERYONE,
      post(
        [{ tag: 'text', text: '9 yuan' }],
        [link('查看详情', url)],
        [link('查看图片', picUrl)],
        [{ tag: 'at', user_id: 'all' }],
      ),
    ],
    [
      'CARD',
      'CARD',
      { title: 'Paid', text: '9 yuan', buttons },
      NOBODY,
      card(header, markdown('9 yuan'), { tag: 'action', actions: [button('Open'), button('Later')] }),
    ],
    [
      'CARD with buttons below each other',
      'CARD',
      { title: 'Paid', text: '9 yuan', buttons, vertical: true },
      EVERYONE,
      card(
        header,
        markdown('9 yuan\n<at id=all></at>'),
        { tag: 'action', actions: [button('Open')] },
        { tag: 'action', actions: [button('Later')] },
      ),
    ],
  ])('%s', (_, type, content, recipients, expected) => {
    expect(build(type, content, recipients)).toEqual(expected)
  })
})

describe('who cannot be mentioned', () => {
  const notesOf = (recipients: Partial<Recipients>) => feishuMessage('TEXT', 'x', { ...NOBODY, ...recipients }).notes
  test('is told: mobiles, and what would break out of the tag or mean everyone', () => {
    expect(notesOf({ userIds: ['ou_1'] })).toEqual([])
    expect(notesOf({ mobiles: ['138', '139'] })).toEqual(['not mentioned: 2 mobiles (a bot mentions user ids only)'])
    expect(notesOf({ userIds: ['ou_1', 'all', '"></at><at user_id="all'] })).toEqual([
      'not mentioned: 2 of the user ids (not a user id)',
    ])
    expect(build('TEXT', 'x', { ...NOBODY, userIds: ['all', 'a b'] })).toEqual(text('x'))
  })
})

describe('the size', () => {
  const signed = { timestamp: '1700000000', sign: 'x'.repeat(44) }
  const overhead = Buffer.byteLength(signedBody({ msg_type: 'text', content: { text: '' } }, signed))
  test('20,000 bytes of the signed body go out, one more is refused', () => {
    const { payload } = feishuMessage('TEXT', 'x'.repeat(MAX_BODY_BYTES - overhead), NOBODY)
    expect(Buffer.byteLength(signedBody(payload, signed))).toBe(20_000)
    expect(() => feishuMessage('TEXT', 'x'.repeat(MAX_BODY_BYTES - overhead + 1), NOBODY)).toThrow(
      expect.objectContaining({
        errorClass: 'PERMANENT',
        code: 'CONTENT_TOO_LONG',
        message: 'the message body has 20001 bytes, Feishu takes 20000',
      }),
    )
  })
})
