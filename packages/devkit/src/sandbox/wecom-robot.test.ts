import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { startTestSandbox } from './sandbox-testing.ts'

const sandbox = await startTestSandbox()
const { client } = sandbox.running
const PATH = '/wecom/cgi-bin/webhook/send?key=k1'
const send = (body: unknown) => sandbox.post(PATH, body)
const text = (content: string, more: object = {}) => ({ msgtype: 'text', text: { content, ...more } })
const article = { title: 'T', description: 'B', url: 'https://a.cn/1', picurl: 'https://a.cn/p.png' }
const news = (articles: object[]) => ({ msgtype: 'news', news: { articles } })
const action = { type: 1, url: 'https://a.cn' }
const card = (fields: object) => ({ msgtype: 'template_card', template_card: { card_type: 'text_notice', ...fields } })
const notice = { main_title: { title: 'T' }, sub_title_text: 'B', card_action: action }
const picture = Buffer.from('picture')
const md5 = createHash('md5').update(picture).digest('hex')

describe('what a good message looks like', () => {
  it.each([
    ['text', text('hello')],
    ['markdown', { msgtype: 'markdown', markdown: { content: '**b** <font color="warning">x</font>' } }],
    ['markdown_v2', { msgtype: 'markdown_v2', markdown_v2: { content: '| a |\n|---|\n| 1 |' } }],
    ['news', news(Array(8).fill(article))],
    ['news of the least', news([{ title: 'T', url: 'https://a.cn' }])],
    ['text notice', card({ ...notice, jump_list: [{ type: 1, title: 'A', url: 'https://a.cn' }] })],
    ['text notice without title', card({ sub_title_text: 'B', card_action: { type: 2, appid: 'wx1' } })],
    [
      'news notice',
      card({ ...notice, card_type: 'news_notice', card_image: { url: 'https://a.cn/p.png', aspect_ratio: 1.3 } }),
    ],
    ['image', { msgtype: 'image', image: { base64: picture.toString('base64'), md5 } }],
  ])('%s', async (_name, body) => {
    expect(await send(body)).toEqual({ errcode: 0, errmsg: 'ok', httpStatus: 200 })
    expect(await client.messages()).toMatchObject([
      { provider: 'wecom', mode: 'robot', key: 'k1', msgtype: body.msgtype, payload: body, delivered: true },
    ])
  })

  it('a second time, it is a second message: there is no idempotency', async () => {
    await send(text('twice'))
    await send(text('twice'))
    expect(await client.wait({ contains: 'twice', count: 2 })).toHaveLength(2)
  })
})

describe('what it refuses', () => {
  it.each([
    ['an unknown msgtype', { msgtype: 'textcard', textcard: {} }, 40008],
    ['no msgtype', { text: { content: 'x' } }, 40008],
    ['an empty text', text(''), 44004],
    ['no content', { msgtype: 'markdown', markdown: {} }, 44004],
    ['mentions at the top', { ...text('x'), mentioned_list: ['u1'] }, 40058],
    ['mentions in a markdown', { msgtype: 'markdown', markdown: { content: 'x', mentioned_list: [] } }, 40058],
    ['no article', news([]), 40058],
    ['nine articles', news(Array(9).fill(article)), 45008],
    ['an article without title', news([{ url: 'https://a.cn' }]), 41016],
    ['an article without url', news([{ title: 'T' }]), 40058],
    ['the DingTalk spelling', news([{ title: 'T', url: 'https://a.cn', picUrl: 'https://a.cn/p' }]), 40058],
    ['a url without scheme', news([{ title: 'T', url: 'a.cn' }]), 40058],
    ['a DingTalk url', news([{ title: 'T', url: 'dingtalk://a.cn' }]), 40058],
    ['a card without card_action', card({ main_title: { title: 'T' } }), 40058],
    ['a card_action without url', card({ ...notice, card_action: { type: 1 } }), 40058],
    ['a card with neither title nor text', card({ card_action: action }), 40058],
    ['four jumps', card({ ...notice, jump_list: Array(4).fill({ type: 1, title: 'A', url: 'https://a.cn' }) }), 40058],
    ['a jump without url', card({ ...notice, jump_list: [{ type: 1, title: 'A' }] }), 40058],
    ['seven lines', card({ ...notice, horizontal_content_list: Array(7).fill({ keyname: 'k' }) }), 40058],
    ['a card with buttons', card({ ...notice, card_type: 'button_interaction' }), 40058],
    ['a card without type', card({ ...notice, card_type: undefined }), 40058],
    ['a news notice without picture', card({ ...notice, card_type: 'news_notice' }), 40058],
    [
      'a wrong md5',
      { msgtype: 'image', image: { base64: picture.toString('base64'), md5: md5.replace(/./, 'x') } },
      40058,
    ],
  ])('%s', async (_name, body, errcode) => {
    const answer = await send(body)
    expect(answer).toMatchObject({ errcode, httpStatus: 200 })
    expect(answer.errmsg).toContain(`hint: [`)
    expect(await client.messages()).toMatchObject([{ delivered: false, answer: { errcode } }])
  })

  it('texts over their limits, counted in bytes, with the real words', async () => {
    expect(await send(text('中'.repeat(682)))).toMatchObject({ errcode: 0 })
    const long = await send(text('中'.repeat(683)))
    expect(long.errcode).toBe(40058)
    expect(long.errmsg).toMatch(
      /^text\.content exceed max length 2048\. invalid Request Parameter, hint: \[\d+\], from ip: 127\.0\.0\.1, more info at https:\/\/open\.work\.weixin\.qq\.com\/devtool\/query\?e=40058$/,
    )
    for (const msgtype of ['markdown', 'markdown_v2']) {
      expect(await send({ msgtype, [msgtype]: { content: 'x'.repeat(4096) } })).toMatchObject({ errcode: 0 })
      const answer = await send({ msgtype, [msgtype]: { content: 'x'.repeat(4097) } })
      expect(answer.errcode).toBe(40058)
      expect(answer.errmsg).toContain(`${msgtype}.content exceed max length 4096. invalid Request Parameter`)
    }
  })

  it('bodies that are no JSON object, and other content types', async () => {
    expect(await send('{')).toMatchObject({ errcode: 40035 })
    expect(await send('"text"')).toMatchObject({ errcode: 40035 })
    expect(await sandbox.post(PATH, text('x'), { 'content-type': 'text/plain' })).toMatchObject({ errcode: 40035 })
  })

  it('keys that are missing, a whole url, unknown or disabled', async () => {
    expect(await sandbox.post('/wecom/cgi-bin/webhook/send', text('x'))).toMatchObject({ errcode: 93000 })
    const pasted = encodeURIComponent('https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k')
    expect(await sandbox.post(`/cgi-bin/webhook/send?key=${pasted}`, text('x'))).toMatchObject({ errcode: 93000 })
    await client.settings({ strictTokens: true })
    const unknown = await send(text('x'))
    expect(unknown.errcode).toBe(93000)
    expect(unknown.errmsg).toMatch(
      /^invalid webhook url, hint: \[\d+\], from ip: 127\.0\.0\.1, more info at https:\/\/open\.work\.weixin\.qq\.com\/devtool\/query\?e=93000$/,
    )
    await client.declareRobot('wecom', 'k1', { disabled: true })
    expect(await send(text('x'))).toMatchObject({ errcode: 93004 })
  })

  it('more calls than the limit, until the block is over', async () => {
    await client.declareRobot('wecom', 'k1', { rateLimit: { count: 1, windowMs: 60_000, blockMs: 60_000 } })
    expect(await send(text('1'))).toMatchObject({ errcode: 0 })
    const refused = await send(text('2'))
    expect(refused.errcode).toBe(45009)
    expect(refused.errmsg).toMatch(/^api freq out of limit, hint/)
    sandbox.advance(61_000)
    expect(await send(text('3'))).toMatchObject({ errcode: 0 })
  })
})

describe('mentions and cuts', () => {
  it('reads the lists of a text', async () => {
    await send(text('x', { mentioned_list: ['u1', '@all'], mentioned_mobile_list: ['138', '@all'] }))
    const [message] = await client.messages()
    expect(message?.recipients).toMatchObject({ userIds: ['u1'], mobiles: ['138'], all: true })
  })

  it('reads the marks in a markdown', async () => {
    await send({ msgtype: 'markdown', markdown: { content: 'see <@u1> and <@u2>' } })
    const [message] = await client.messages()
    expect(message?.recipients).toMatchObject({ userIds: ['u1', 'u2'], all: false })
  })

  it('tells what WeCom would cut', async () => {
    await send(news([{ ...article, title: '中'.repeat(43), description: 'x'.repeat(513) }]))
    await send(card({ ...notice, sub_title_text: '中'.repeat(113) }))
    expect((await client.messages()).map(({ truncated }) => truncated)).toEqual([
      ['news.articles[0].title', 'news.articles[0].description'],
      ['template_card.sub_title_text'],
    ])
  })
})
