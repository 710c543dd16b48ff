import { describe, expect, test } from 'vitest'
import { appMessage } from './index.ts'

const url = 'https://shop.example/o?id=1'
const tooLong = expect.objectContaining({ errorClass: 'PERMANENT', code: 'CONTENT_TOO_LONG' })

test('TEXT: 2048 bytes', () => {
  const full = `${'汉'.repeat(682)}ab`
  expect(appMessage('TEXT', full, 'reject')).toEqual({ msgtype: 'text', text: { content: full } })
  expect(() => appMessage('TEXT', `${full}c`, 'reject')).toThrow(tooLong)
  expect(appMessage('TEXT', `${full}c`, 'truncate')).toMatchObject({ text: { content: `${'汉'.repeat(681)}…` } })
})

test('MARKDOWN: 2048 bytes with the title; only the text is cut', () => {
  const content = { title: 'T', text: 'x'.repeat(2048 - '**T**\n'.length) }
  expect(appMessage('MARKDOWN', content, 'reject')).toMatchObject({
    markdown: { content: `**T**\n${content.text}` },
  })
  const over = { ...content, text: `${content.text}x` }
  expect(() => appMessage('MARKDOWN', over, 'reject')).toThrow(tooLong)
  expect(appMessage('MARKDOWN', over, 'truncate')).toMatchObject({
    markdown: { content: expect.stringMatching(/^\*\*T\*\*\nx+…$/) },
  })
})

describe('LINK', () => {
  test('without a picture: a textcard', () => {
    expect(appMessage('LINK', { title: 'T', text: 'B', url }, 'reject')).toEqual({
      msgtype: 'textcard',
      textcard: { title: 'T', description: 'B', url, btntxt: '详情' },
    })
  })

  test.each([undefined, 'https://p.example/a.png'])('title 128 and description 512 bytes (picture %s)', (picUrl) => {
    const content = { title: 'x'.repeat(129), text: 'y'.repeat(513), url, ...(picUrl && { picUrl }) }
    expect(() => appMessage('LINK', { ...content, title: 'T' }, 'reject')).toThrow(tooLong)
    expect(() => appMessage('LINK', { ...content, text: 'B' }, 'reject')).toThrow(tooLong)
    const json = JSON.stringify(appMessage('LINK', content, 'truncate'))
    expect(json).toContain(`"${'x'.repeat(125)}…"`)
    expect(json).toContain(`"${'y'.repeat(509)}…"`)
  })
})

describe('CARD', () => {
  const button = (n: number) => ({ title: `Open ${n}`, url: `https://shop.example/${n}` })
  const card = { title: 'T', text: 'plain body', buttons: [button(1), button(2), button(3)] }
  const short = { ...card, buttons: [{ title: '打开看看', url }] }

  test('one short button: a textcard with its label', () => {
    expect(appMessage('CARD', short, 'reject')).toEqual({
      msgtype: 'textcard',
      textcard: { title: 'T', description: 'plain body', url, btntxt: '打开看看' },
    })
  })

  test.each([
    ['a longer label', { ...short, buttons: [{ title: '打开看一看', url }] }],
    ['two buttons', { ...card, buttons: [button(1), button(2)] }],
    ['three buttons', { ...card, vertical: true }],
    ['the limits', { title: '题'.repeat(36), text: '👍'.repeat(160), buttons: [{ title: '钮'.repeat(18), url }] }],
  ])('%s: a text_notice, a tap opens the first', (_, content) => {
    expect(appMessage('CARD', content, 'reject')).toEqual({
      msgtype: 'template_card',
      template_card: {
        card_type: 'text_notice',
        main_title: { title: content.title },
        sub_title_text: content.text,
        jump_list: content.buttons.map((one) => ({ type: 1, ...one })),
        card_action: { type: 1, url: content.buttons[0]?.url },
      },
    })
  })

  test.each([
    ['four buttons', { ...card, buttons: [1, 2, 3, 4].map(button) }],
    ['a long body', { ...card, text: 'x'.repeat(161) }],
    ['a long title', { ...card, title: 'x'.repeat(37) }],
    ['a long button', { ...card, buttons: [{ title: 'x'.repeat(19), url }] }],
    ['markdown in the body', { ...card, text: 'a **bold** body' }],
    ['one short button, but markdown in the body', { ...short, text: '# x' }],
    ['one short button, but a long body', { ...short, text: 'x'.repeat(513) }],
  ])('%s: markdown that keeps everything', (_, content) => {
    const links = content.buttons.map((one) => `[${one.title}](${one.url})`).join('\n')
    expect(appMessage('CARD', content, 'reject')).toEqual({
      msgtype: 'markdown',
      markdown: { content: `**${content.title}**\n${content.text}\n\n${links}` },
    })
  })

  test('too long for markdown: the text is cut, the links stay', () => {
    const content = { ...card, text: 'x'.repeat(2100) }
    expect(() => appMessage('CARD', content, 'reject')).toThrow(tooLong)
    expect(appMessage('CARD', content, 'truncate')).toMatchObject({
      markdown: { content: expect.stringMatching(/x…\n\n\[Open 1\].*\n.*\n\[Open 3\]\(\S+\)$/) },
    })
  })
})
