import { describe, expect, it } from 'vitest'
import { robotSignature } from './dingtalk-robot.ts'
import { startTestSandbox } from './sandbox-testing.ts'

const sandbox = await startTestSandbox()
const { client } = sandbox.running
const PATH = '/dingtalk/robot/send?access_token=t1'
const text = (content: string) => ({ msgtype: 'text', text: { content } })
const send = (body: unknown) => sandbox.post(PATH, body)

describe('what a good message looks like', () => {
  it.each([
    ['text', text('hello')],
    ['markdown', { msgtype: 'markdown', markdown: { title: 'T', text: '#### T\n> body' } }],
    [
      'link',
      { msgtype: 'link', link: { title: 'T', text: 'B', messageUrl: 'https://a.cn/1', picUrl: 'https://a.cn/p' } },
    ],
    ['link without picture', { msgtype: 'link', link: { title: 'T', text: 'B', messageUrl: 'https://a.cn/1' } }],
    [
      'card with one button',
      { msgtype: 'actionCard', actionCard: { title: 'T', text: 'x', singleTitle: 'Open', singleURL: 'https://a.cn' } },
    ],
    [
      'card with buttons',
      {
        msgtype: 'actionCard',
        actionCard: {
          title: 'T',
          text: 'x',
          btnOrientation: '0',
          btns: [{ title: 'A', actionURL: 'dingtalk://page/a' }],
        },
      },
    ],
    [
      'feed card',
      {
        msgtype: 'feedCard',
        feedCard: { links: [{ title: 'T', messageURL: 'https://a.cn', picURL: 'https://a.cn/p.png' }] },
      },
    ],
  ])('%s', async (_name, body) => {
    expect(await send(body)).toEqual({ errcode: 0, errmsg: 'ok', httpStatus: 200 })
    const [message] = await client.messages()
    expect(message).toMatchObject({
      provider: 'dingtalk',
      mode: 'robot',
      key: 't1',
      msgtype: body.msgtype,
      payload: body,
      answer: { status: 200, errcode: 0 },
      delivered: true,
      duplicate: false,
    })
  })

  it('answers under the bare path too', async () => {
    expect(await sandbox.post('/robot/send?access_token=t1', text('bare'))).toMatchObject({ errcode: 0 })
  })
})

describe('what it refuses', () => {
  const link = { title: 'T', text: 'B', messageUrl: 'https://a.cn/1' }
  const card = { title: 'T', text: 'x' }
  it.each([
    ['no msgtype', { text: { content: 'x' } }, 40035, 'msgtype'],
    ['an unknown msgtype', { msgtype: 'image', image: {} }, 400105, 'not supported'],
    ['no content', { msgtype: 'text', text: {} }, 40035, 'text->content'],
    ['an empty content', text(''), 40035, 'text->content'],
    ['a content that is no text', { msgtype: 'text', text: { content: 5 } }, 40035, 'text->content'],
    ['a payload under the wrong name', { msgtype: 'text', markdown: { title: 'T', text: 'x' } }, 40035, 'markdown'],
    ['the feed card spelling in a link', { msgtype: 'link', link: { ...link, messageURL: 'x' } }, 40035, 'messageURL'],
    ['a url without scheme', { msgtype: 'link', link: { ...link, messageUrl: 'a.cn/1' } }, 40035, 'messageUrl'],
    ['a script url', { msgtype: 'link', link: { ...link, messageUrl: 'javascript:1' } }, 40035, 'messageUrl'],
    ['a url with spaces', { msgtype: 'link', link: { ...link, messageUrl: 'https://a.cn/a b' } }, 40035, 'messageUrl'],
    ['a card without button', { msgtype: 'actionCard', actionCard: card }, 40035, 'btns'],
    ['half a button', { msgtype: 'actionCard', actionCard: { ...card, singleTitle: 'A' } }, 40035, 'singleURL'],
    [
      'no url for a title',
      { msgtype: 'actionCard', actionCard: { ...card, singleURL: 'https://a.cn' } },
      40035,
      'singleTitle',
    ],
    [
      'a number as orientation',
      {
        msgtype: 'actionCard',
        actionCard: { ...card, btnOrientation: 0, btns: [{ title: 'A', actionURL: 'https://a.cn' }] },
      },
      40035,
      'btnOrientation',
    ],
    ['an unknown top-level field', { ...text('x'), isAtAll: true }, 40035, 'isAtAll'],
    ['a mention list that is no list', { ...text('x'), at: { atMobiles: '138' } }, 40035, 'atMobiles'],
    ['the app spelling', { msgtype: 'action_card', action_card: card }, 400105, 'not supported'],
    ['51 mentions', { ...text('x'), at: { atUserIds: Array.from({ length: 51 }, (_, i) => `u${i}`) } }, 40035, '50'],
  ])('%s', async (_name, body, errcode, words) => {
    const answer = await send(body)
    expect(answer).toMatchObject({ errcode, httpStatus: 200 })
    expect(answer.errmsg).toContain(words)
    expect(await client.messages()).toMatchObject([{ delivered: false, answer: { errcode } }])
  })

  it('a body that is not JSON, is empty, or has another content type', async () => {
    expect(await send('{"msgtype":')).toMatchObject({ errcode: 40035 })
    expect(await send('')).toMatchObject({ errcode: 40035 })
    expect(await send('[]')).toMatchObject({ errcode: 40035 })
    expect(await sandbox.post(PATH, text('x'), { 'content-type': 'text/plain' })).toMatchObject({ errcode: 43004 })
    const gbk = { 'content-type': 'application/json; charset=gbk' }
    expect(await sandbox.post(PATH, text('x'), gbk)).toMatchObject({ errcode: 43004 })
    const utf8 = { 'content-type': 'application/json; charset=utf-8' }
    expect(await sandbox.post(PATH, text('x'), utf8)).toMatchObject({ errcode: 0 })
  })

  it('a body over 20000 bytes, counted in bytes', async () => {
    const frame = JSON.stringify(text('')).length
    const fits = text('中'.repeat(Math.floor((20_000 - frame) / 3)))
    expect(await send(fits)).toMatchObject({ errcode: 0 })
    const tooLong = text(`${fits.text.content}中`)
    expect(await send(tooLong)).toMatchObject({ errcode: 460101 })
  })

  it('a token that is missing, is a whole url, is unknown or disabled', async () => {
    expect(await sandbox.post('/dingtalk/robot/send', text('x'))).toMatchObject({ errcode: 300005 })
    const pasted = encodeURIComponent('https://oapi.dingtalk.com/robot/send?access_token=t')
    expect(await sandbox.post(`/dingtalk/robot/send?access_token=${pasted}`, text('x'))).toMatchObject({
      errcode: 300005,
    })
    await client.settings({ strictTokens: true })
    expect(await send(text('x'))).toMatchObject({ errcode: 300005, errmsg: 'token is not exist' })
    await client.declareRobot('dingtalk', 't1')
    expect(await send(text('x'))).toMatchObject({ errcode: 0 })
    await client.declareRobot('dingtalk', 't1', { disabled: true })
    expect(await send(text('x'))).toMatchObject({ errcode: 400102 })
  })
})

describe('security settings of a robot', () => {
  it('signs as documented', () => {
    expect(robotSignature('SECtest', '1700000000000')).toBe('aZLLrriXgn05YbwaGR7knYsLeJADjr9NwLaNNKpxh4g=')
  })

  const signed = (timestamp: number, sign: string) =>
    sandbox.post(`${PATH}&timestamp=${timestamp}&sign=${sign}`, text('signed'))

  it('wants timestamp and sign of a robot with a secret, encoded once, within the hour', async () => {
    await client.declareRobot('dingtalk', 't1', { secret: 'SECtest' })
    const now = sandbox.now()
    const sign = encodeURIComponent(robotSignature('SECtest', String(now)))
    expect(await signed(now, sign)).toMatchObject({ errcode: 0 })
    expect(await signed(now, encodeURIComponent(sign))).toMatchObject({ errcode: 310000 })
    const other = await signed(now + 1, sign)
    expect(other.errcode).toBe(310000)
    expect(other.errmsg).toMatch(/^sign not match/)
    for (const skew of [-3_700_000, 3_700_000]) {
      const late = await signed(now + skew, encodeURIComponent(robotSignature('SECtest', String(now + skew))))
      expect(late.errcode).toBe(310000)
      expect(late.errmsg).toMatch(/^invalid timestamp/)
    }
    const almost = now - 3_500_000
    expect(await signed(almost, encodeURIComponent(robotSignature('SECtest', String(almost))))).toMatchObject({
      errcode: 0,
    })
    expect((await send(text('unsigned'))).errmsg).toMatch(/^invalid timestamp/)
  })

  it('wants one of the keywords in the message, not in the mentions', async () => {
    await client.declareRobot('dingtalk', 't1', { keywords: ['alarm', 'order'] })
    expect(await send(text('an order came'))).toMatchObject({ errcode: 0 })
    const answer = await send({ ...text('hello'), at: { atUserIds: ['order'] } })
    expect(answer.errcode).toBe(310000)
    expect(answer.errmsg).toMatch(/^keywords not in content/)
  })
})

describe('mentions', () => {
  it('are shown only where the text holds the id', async () => {
    const at = { atUserIds: ['u1', 'u2'], atMobiles: ['13800000000'], isAtAll: true }
    await send({ ...text('hi @u1 @13800000000'), at })
    const [message] = await client.messages()
    expect(message?.recipients).toMatchObject({
      userIds: ['u1'],
      mobiles: ['13800000000'],
      all: true,
      notShown: ['u2'],
    })
  })

  it('are never shown on a link', async () => {
    const link = { title: '@u1', text: '@u1', messageUrl: 'https://a.cn' }
    await send({ msgtype: 'link', link, at: { atUserIds: ['u1'], isAtAll: true } })
    const [message] = await client.messages()
    expect(message?.recipients).toMatchObject({ userIds: [], all: false, notShown: ['u1', '@all'] })
  })
})

describe('doubles and limits', () => {
  it('takes a msgUuid once per robot and answers ok ever after', async () => {
    const body = { ...text('once'), msgUuid: 'uuid-1' }
    expect(await send(body)).toMatchObject({ errcode: 0 })
    expect(await send(body)).toMatchObject({ errcode: 0 })
    expect(await sandbox.post('/dingtalk/robot/send?access_token=t2', body)).toMatchObject({ errcode: 0 })
    expect((await client.messages()).map(({ delivered, duplicate }) => [delivered, duplicate])).toEqual([
      [true, false],
      [false, true],
      [true, false],
    ])
  })

  it('does not remember the msgUuid of a message that it refused', async () => {
    expect(await send({ ...text(''), msgUuid: 'uuid-2' })).toMatchObject({ errcode: 40035 })
    await send({ ...text('now good'), msgUuid: 'uuid-2' })
    await client.wait({ contains: 'now good' })
  })

  it('throttles a robot after its limit and keeps it out until the block is over', async () => {
    await client.declareRobot('dingtalk', 't1', { rateLimit: { count: 2, windowMs: 60_000, blockMs: 600_000 } })
    const codes = []
    for (let call = 0; call < 4; call += 1) codes.push((await send(text(`call ${call}`))).errcode)
    expect(codes).toEqual([0, 0, 130101, 410100])
    sandbox.advance(599_000)
    expect(await send(text('still blocked'))).toMatchObject({ errcode: 410100 })
    sandbox.advance(2_000)
    expect(await send(text('free again'))).toMatchObject({ errcode: 0 })
  })
})
