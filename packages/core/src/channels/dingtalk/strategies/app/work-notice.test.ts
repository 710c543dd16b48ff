import { describe, expect, test } from 'vitest'
import { workNotice } from './index.ts'

const url = 'https://shop.example/o?id=1'
const bytes = (msg: object): number => Buffer.byteLength(JSON.stringify(msg))
const tooLong = expect.objectContaining({ errorClass: 'PERMANENT', code: 'CONTENT_TOO_LONG' })

test('MARKDOWN without a title: its first line serves the chat list', () => {
  expect(workNotice('MARKDOWN', { text: '# Paid\nbody' }, 'reject')).toEqual({
    msgtype: 'markdown',
    markdown: { title: 'Paid', text: '# Paid\nbody' },
  })
  expect(workNotice('MARKDOWN', { text: '***' }, 'reject')).toMatchObject({ markdown: { title: '消息' } })
})

test('LINK without a picture, which a link must have: a card with one button', () => {
  expect(workNotice('LINK', { title: 'Paid', text: '9 yuan', url }, 'reject')).toEqual({
    msgtype: 'action_card',
    action_card: { title: 'Paid', markdown: '#### Paid\n9 yuan', single_title: '查看详情', single_url: url },
  })
})

describe('CARD', () => {
  const card = { title: 'T', text: 'B', buttons: [{ title: 'Open', url }] }
  const two = { ...card, buttons: [...card.buttons, { title: 'Later', url: 'https://shop.example/later' }] }

  test('one button', () => {
    expect(workNotice('CARD', card, 'reject')).toEqual({
      msgtype: 'action_card',
      action_card: { title: 'T', markdown: '#### T\nB', single_title: 'Open', single_url: url },
    })
  })

  test.each([
    [true, '0'],
    [undefined, '0'],
    [false, '1'],
  ])('several buttons, vertical %s: btn_orientation %s', (vertical, btn_orientation) => {
    expect(workNotice('CARD', { ...two, vertical }, 'reject')).toMatchObject({ action_card: { btn_orientation } })
  })

  test('just at the limits of an action card', () => {
    const longUrl = (length: number) => `https://a.example/${'x'.repeat(length - 18)}`
    const single = { ...card, buttons: [{ title: '钮'.repeat(20), url: longUrl(500) }] }
    expect(workNotice('CARD', single, 'reject').msgtype).toBe('action_card')
    const pair = [
      { title: 'A', url: longUrl(700) },
      { title: 'B', url: longUrl(239) },
    ]
    const list = JSON.stringify(pair.map((button) => ({ title: button.title, action_url: button.url })))
    expect(list).toHaveLength(1000)
    expect(workNotice('CARD', { ...card, buttons: pair }, 'reject').msgtype).toBe('action_card')
  })

  test.each([
    ['a long button title', [{ title: '钮'.repeat(21), url }]],
    ['a long URL of one button', [{ title: 'A', url: `https://a.example/${'x'.repeat(500)}` }]],
    ['a long URL of two buttons', [...card.buttons, { title: 'A', url: `https://a.example/${'x'.repeat(700)}` }]],
    [
      'a long list of buttons',
      Array.from({ length: 12 }, (_, n) => ({ title: `Button ${n}`, url: `https://a.example/${'x'.repeat(60)}` })),
    ],
  ])('%s: markdown that keeps everything', (_, buttons) => {
    const links = buttons.map((one) => `[${one.title}](${one.url})`).join('\n\n')
    expect(workNotice('CARD', { ...card, buttons }, 'reject')).toEqual({
      msgtype: 'markdown',
      markdown: { title: 'T', text: `#### T\nB\n\n${links}` },
    })
  })
})

describe('2048 bytes for the whole message', () => {
  const room = 2048 - bytes({ msgtype: 'text', text: { content: '' } })

  test('refused where it is more', () => {
    expect(bytes(workNotice('TEXT', 'x'.repeat(room), 'reject'))).toBe(2048)
    expect(() => workNotice('TEXT', 'x'.repeat(room + 1), 'reject')).toThrow(tooLong)
    expect(() => workNotice('TEXT', '"'.repeat(room / 2 + 1), 'reject')).toThrow(tooLong)
  })

  test.each([
    ['TEXT', '汉"\n'.repeat(900)],
    ['MARKDOWN', { title: 'T', text: '汉"\n'.repeat(900) }],
    ['LINK', { title: 'T', text: '汉"\n'.repeat(900), url }],
    ['CARD', { title: 'T', text: '汉"\n'.repeat(900), buttons: [{ title: 'Open', url }] }],
  ] as const)('or the text of a %s is cut, and all else stays', (type, content) => {
    const msg = workNotice(type, content as Parameters<typeof workNotice>[1], 'truncate')
    expect(bytes(msg)).toBeLessThanOrEqual(2048)
    expect(bytes(msg)).toBeGreaterThan(2038)
    const json = JSON.stringify(msg)
    expect(json).toContain('…')
    if (type === 'LINK' || type === 'CARD') expect(json).toContain(url)
  })
})
