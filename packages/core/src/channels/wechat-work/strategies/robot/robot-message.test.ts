import { describe, expect, test } from 'vitest'
import { hasMarkdown } from '../has-markdown.ts'
import { robotMessage } from './index.ts'

const NOBODY = { userIds: [], mobiles: [], all: false }
const EVERYBODY = { userIds: ['u1', 'u2'], mobiles: ['138'], all: true }
const url = 'https://shop.example/o?id=1&b=2'
const tooLong = expect.objectContaining({ errorClass: 'PERMANENT', code: 'CONTENT_TOO_LONG' })

describe('TEXT', () => {
  test('mentions are inside text', () => {
    expect(robotMessage('TEXT', 'hi', NOBODY, 'reject')).toEqual({
      payload: { msgtype: 'text', text: { content: 'hi' } },
      notes: [],
    })
    expect(robotMessage('TEXT', 'hi', EVERYBODY, 'reject')).toEqual({
      payload: {
        msgtype: 'text',
        text: { content: 'hi', mentioned_list: ['u1', 'u2', '@all'], mentioned_mobile_list: ['138'] },
      },
      notes: [],
    })
  })

  test('2048 bytes', () => {
    const full = `${'汉'.repeat(682)}ab`
    expect(robotMessage('TEXT', full, NOBODY, 'reject').payload).toMatchObject({ text: { content: full } })
    expect(() => robotMessage('TEXT', `${full}c`, NOBODY, 'reject')).toThrow(tooLong)
    expect(robotMessage('TEXT', `${full}c`, NOBODY, 'truncate').payload).toMatchObject({
      text: { content: `${'汉'.repeat(681)}…` },
    })
  })
})

describe('MARKDOWN', () => {
  test('the title is a bold first line, unless the text begins with it', () => {
    expect(robotMessage('MARKDOWN', { title: 'Paid', text: '> 9 yuan' }, NOBODY, 'reject')).toEqual({
      payload: { msgtype: 'markdown', markdown: { content: '**Paid**\n> 9 yuan' } },
      notes: [],
    })
    for (const content of [{ text: 'body' }, { title: 'Paid', text: '# Paid\nbody' }]) {
      expect(robotMessage('MARKDOWN', content, NOBODY, 'reject').payload).toMatchObject({
        markdown: { content: content.text },
      })
    }
  })

  test('user ids are mentioned in the content, the rest is told', () => {
    expect(robotMessage('MARKDOWN', { text: 'body' }, EVERYBODY, 'reject')).toEqual({
      payload: { msgtype: 'markdown', markdown: { content: 'body\n\n<@u1> <@u2>' } },
      notes: ['not mentioned: 1 mobiles, everyone (markdown cannot)'],
    })
  })

  test('4096 bytes with title and mentions; only the text is cut', () => {
    const fixed = Buffer.byteLength('**T**\n\n\n<@u1> <@u2>')
    const full = { title: 'T', text: 'x'.repeat(4096 - fixed) }
    expect(robotMessage('MARKDOWN', full, EVERYBODY, 'reject').payload).toMatchObject({ msgtype: 'markdown' })
    const over = { ...full, text: `${full.text}x` }
    expect(() => robotMessage('MARKDOWN', over, EVERYBODY, 'reject')).toThrow(
      expect.objectContaining({ message: 'markdown.content has 4097 bytes, the provider takes 4096' }),
    )
    const content = `**T**\n${'x'.repeat(4096 - fixed - 3)}…\n\n<@u1> <@u2>`
    expect(robotMessage('MARKDOWN', over, EVERYBODY, 'truncate').payload).toMatchObject({ markdown: { content } })
  })
})

describe('LINK', () => {
  test('one news article, with a picture where there is one', () => {
    const article = { title: 'T', description: 'B', url }
    expect(robotMessage('LINK', { title: 'T', text: 'B', url }, NOBODY, 'reject')).toEqual({
      payload: { msgtype: 'news', news: { articles: [article] } },
      notes: [],
    })
    const picUrl = 'https://p.example/a.png'
    expect(robotMessage('LINK', { title: 'T', text: 'B', url, picUrl }, EVERYBODY, 'reject')).toEqual({
      payload: { msgtype: 'news', news: { articles: [{ ...article, picurl: picUrl }] } },
      notes: ['not mentioned: 2 user ids, 1 mobiles, everyone (news cannot)'],
    })
  })

  test('title 128 and description 512 bytes', () => {
    const content = { title: 'x'.repeat(129), text: 'y'.repeat(513), url }
    expect(() => robotMessage('LINK', { ...content, title: 'T' }, NOBODY, 'reject')).toThrow(tooLong)
    expect(() => robotMessage('LINK', { ...content, text: 'B' }, NOBODY, 'reject')).toThrow(tooLong)
    expect(robotMessage('LINK', content, NOBODY, 'truncate').payload).toMatchObject({
      news: { articles: [{ title: `${'x'.repeat(125)}…`, description: `${'y'.repeat(509)}…` }] },
    })
  })
})

describe('CARD', () => {
  const button = (n: number) => ({ title: `Open ${n}`, url: `https://shop.example/${n}` })
  const small = { title: 'T', text: 'plain body', buttons: [button(1), button(2), button(3)] }

  test('plain and small: a text_notice with every button, a tap opens the first', () => {
    expect(robotMessage('CARD', { ...small, vertical: true }, EVERYBODY, 'reject')).toEqual({
      payload: {
        msgtype: 'template_card',
        template_card: {
          card_type: 'text_notice',
          main_title: { title: 'T' },
          sub_title_text: 'plain body',
          jump_list: [1, 2, 3].map((n) => ({ type: 1, ...button(n) })),
          card_action: { type: 1, url: 'https://shop.example/1' },
        },
      },
      notes: ['not mentioned: 2 user ids, 1 mobiles, everyone (a template card cannot)'],
    })
  })

  test('just at the limits of a text_notice', () => {
    const full = { title: '题'.repeat(26), text: '👍'.repeat(112), buttons: [{ title: '钮'.repeat(13), url }] }
    expect(robotMessage('CARD', full, NOBODY, 'reject').payload.msgtype).toBe('template_card')
  })

  test.each([
    ['four buttons', { ...small, buttons: [1, 2, 3, 4].map(button) }],
    ['a long body', { ...small, text: 'x'.repeat(113) }],
    ['a long title', { ...small, title: 'x'.repeat(27) }],
    ['a long button', { ...small, buttons: [{ title: 'x'.repeat(14), url }] }],
    ['markdown in the body', { ...small, text: 'a **bold** body' }],
  ])('%s: markdown that keeps everything', (_, content) => {
    const links = content.buttons.map((one) => `[${one.title}](${one.url})`).join('\n')
    expect(robotMessage('CARD', content, { ...NOBODY, userIds: ['u1'] }, 'reject')).toEqual({
      payload: {
        msgtype: 'markdown',
        markdown: { content: `**${content.title}**\n${content.text}\n\n${links}\n\n<@u1>` },
      },
      notes: [],
    })
  })

  test('brackets in buttons cannot break a link', () => {
    const content = { ...small, text: '# x', buttons: [{ title: '[a](b)', url: 'https://a.example/x(1) y' }] }
    expect(robotMessage('CARD', content, NOBODY, 'reject').payload).toMatchObject({
      markdown: { content: '**T**\n# x\n\n[［a］(b)](https://a.example/x%281%29%20y)' },
    })
  })

  test('too long for markdown: the text is cut, the links stay', () => {
    const content = { ...small, text: 'x'.repeat(5000) }
    expect(() => robotMessage('CARD', content, NOBODY, 'reject')).toThrow(tooLong)
    const { payload } = robotMessage('CARD', content, NOBODY, 'truncate')
    expect(payload).toMatchObject({
      markdown: { content: expect.stringMatching(/x…\n\n\[Open 1\].*\n.*\n\[Open 3\]\(\S+\)$/) },
    })
  })
})

describe('hasMarkdown', () => {
  test.each([
    '# a',
    'x\n## b',
    '> q',
    '**b**',
    '*i*',
    '~~s~~',
    '_i_',
    'a __b__ c',
    '`c`',
    '[a](b)',
    '![a](b)',
    '<font color="info">',
    '<@u1>',
  ])('%j is', (text) => {
    expect(hasMarkdown(text)).toBe(true)
  })
  test.each([
    'plain',
    'order #12',
    '3 * 4 * 5 = 60',
    'a > b',
    'snake_case_name',
    '[paid]',
    '1. one\n- two',
    '5 < 6',
    '~5',
    'a`b',
  ])('%j is not', (text) => {
    expect(hasMarkdown(text)).toBe(false)
  })
})
