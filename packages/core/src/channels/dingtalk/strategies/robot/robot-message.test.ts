import { describe, expect, test } from 'vitest'
import { robotMessage } from './index.ts'

const NOBODY = { userIds: [], mobiles: [], all: false }
const url = 'https://shop.example/o?id=1&b=2'

describe('TEXT', () => {
  test('without mentions', () => {
    expect(robotMessage('TEXT', 'hi\n你好', NOBODY)).toEqual({
      payload: { msgtype: 'text', text: { content: 'hi\n你好' } },
      notes: [],
    })
  })

  test('mentions stand in `at` and in the content, but not twice', () => {
    const { payload } = robotMessage('TEXT', 'for @u1, @u22', { userIds: ['u1', 'u2'], mobiles: ['138'], all: true })
    expect(payload).toEqual({
      msgtype: 'text',
      text: { content: 'for @u1, @u22\n@u2 @138' },
      at: { atMobiles: ['138'], atUserIds: ['u1', 'u2'], isAtAll: true },
    })
  })

  test('everyone needs no marker', () => {
    expect(robotMessage('TEXT', 'hi', { ...NOBODY, all: true }).payload).toEqual({
      msgtype: 'text',
      text: { content: 'hi' },
      at: { atMobiles: [], atUserIds: [], isAtAll: true },
    })
  })

  test('50 people at most; the rest is told', () => {
    const userIds = Array.from({ length: 30 }, (_, n) => `u${n}`)
    const mobiles = Array.from({ length: 30 }, (_, n) => `1380000${n}`)
    const { payload, notes } = robotMessage('TEXT', 'hi', { userIds, mobiles, all: false })
    expect(payload).toMatchObject({ at: { atUserIds: userIds, atMobiles: mobiles.slice(0, 20), isAtAll: false } })
    expect(payload).toMatchObject({ text: { content: expect.stringContaining('@138000019') } })
    expect(JSON.stringify(payload)).not.toContain('138000020')
    expect(notes).toEqual(['10 not mentioned: a message takes 50'])
  })
})

describe('MARKDOWN', () => {
  test('the title stands in the body too, which alone is shown', () => {
    expect(robotMessage('MARKDOWN', { title: 'Paid', text: '> **9** yuan' }, NOBODY)).toEqual({
      payload: { msgtype: 'markdown', markdown: { title: 'Paid', text: '#### Paid\n> **9** yuan' } },
      notes: [],
    })
  })

  test('unless the body begins with it', () => {
    expect(robotMessage('MARKDOWN', { title: 'Paid', text: '# Paid\nbody' }, NOBODY).payload).toMatchObject({
      markdown: { title: 'Paid', text: '# Paid\nbody' },
    })
  })

  test('without a title the first line serves the chat list', () => {
    expect(robotMessage('MARKDOWN', { text: '# Paid\nbody' }, NOBODY).payload).toMatchObject({
      markdown: { title: 'Paid', text: '# Paid\nbody' },
    })
    expect(robotMessage('MARKDOWN', { text: '***' }, NOBODY).payload).toMatchObject({ markdown: { title: '消息' } })
  })

  test('mentions', () => {
    const { payload } = robotMessage('MARKDOWN', { text: 'body' }, { userIds: ['u1'], mobiles: ['138'], all: false })
    expect(payload).toMatchObject({
      markdown: { text: 'body\n\n@u1 @138' },
      at: { atMobiles: ['138'], atUserIds: ['u1'], isAtAll: false },
    })
  })
})

describe('LINK', () => {
  test('all fields, in the case that a link has', () => {
    const content = { title: 'T', text: 'B', url, picUrl: 'https://p.example/a.png' }
    expect(robotMessage('LINK', content, NOBODY)).toEqual({
      payload: {
        msgtype: 'link',
        link: { title: 'T', text: 'B', messageUrl: url, picUrl: 'https://p.example/a.png' },
      },
      notes: [],
    })
  })

  test('no picture, no picUrl; mentions are dropped and told', () => {
    const { payload, notes } = robotMessage(
      'LINK',
      { title: 'T', text: 'B', url },
      { ...NOBODY, userIds: ['u'], all: true },
    )
    expect(payload).toEqual({ msgtype: 'link', link: { title: 'T', text: 'B', messageUrl: url } })
    expect(notes).toEqual(['not mentioned: 1 user ids, everyone (a link cannot)'])
  })
})

describe('CARD', () => {
  const one = { title: 'T', text: 'B', buttons: [{ title: 'Open', url }] }
  const two = { ...one, buttons: [...one.buttons, { title: 'Later', url: 'https://shop.example/later' }] }

  test('one button', () => {
    expect(robotMessage('CARD', one, NOBODY)).toEqual({
      payload: {
        msgtype: 'actionCard',
        actionCard: { title: 'T', text: '#### T\nB', singleTitle: 'Open', singleURL: url },
      },
      notes: [],
    })
  })

  test('several buttons', () => {
    expect(robotMessage('CARD', { ...two, vertical: true }, NOBODY).payload).toEqual({
      msgtype: 'actionCard',
      actionCard: {
        title: 'T',
        text: '#### T\nB',
        btnOrientation: '0',
        btns: [
          { title: 'Open', actionURL: url },
          { title: 'Later', actionURL: 'https://shop.example/later' },
        ],
      },
    })
  })

  test.each([
    [true, '0'],
    [undefined, '0'],
    [false, '1'],
  ])('vertical %s is btnOrientation %s', (vertical, btnOrientation) => {
    expect(robotMessage('CARD', { ...two, vertical }, NOBODY).payload).toMatchObject({ actionCard: { btnOrientation } })
  })

  test('user ids are mentioned in the text, phones and everyone cannot be', () => {
    const { payload, notes } = robotMessage('CARD', one, { userIds: ['u1'], mobiles: ['138'], all: true })
    expect(payload).toMatchObject({
      actionCard: { text: '#### T\nB\n\n@u1' },
      at: { atMobiles: [], atUserIds: ['u1'], isAtAll: false },
    })
    expect(notes).toEqual(['not mentioned: 1 mobiles, everyone (a card cannot)'])
  })
})
