import { describe, expect, it } from 'vitest'
import { startTestSandbox } from './sandbox-testing.ts'

const sandbox = await startTestSandbox()
const { client } = sandbox.running
const HOUR_MS = 3_600_000

const getToken = async () => String((await sandbox.get('/wecom/cgi-bin/gettoken?corpid=c1&corpsecret=s')).access_token)
const post = async (path: string, body: unknown) =>
  sandbox.post(`/wecom/cgi-bin/${path}?access_token=${await getToken()}`, body)
const send = (body: object) => post('message/send', { touser: 'u1', agentid: 1000002, ...body })
const text = (content: string) => ({ msgtype: 'text', text: { content } })
const users = [{ userId: 'Zhang' }, { userId: 'Li', mobile: '13800000000' }, { userId: 'Wang', unlicensed: true }]

describe('access tokens', () => {
  it('are the same until they expire', async () => {
    const first = await sandbox.get('/wecom/cgi-bin/gettoken?corpid=c1&corpsecret=s')
    expect(first).toMatchObject({ errcode: 0, errmsg: 'ok', expires_in: 7200 })
    sandbox.advance(1.5 * HOUR_MS)
    expect(await getToken()).toBe(first.access_token)
    sandbox.advance(HOUR_MS)
    expect(await getToken()).not.toBe(first.access_token)
  })

  it('are refused for a wrong corp or secret', async () => {
    await client.settings({ strictTokens: true })
    await client.declareApp('wecom', 'c1', 1000002, { secret: 'right' })
    expect(await sandbox.get('/wecom/cgi-bin/gettoken?corpid=c1&corpsecret=wrong')).toMatchObject({ errcode: 40001 })
    expect(await sandbox.get('/wecom/cgi-bin/gettoken?corpid=c2&corpsecret=right')).toMatchObject({ errcode: 40013 })
    expect(await sandbox.get('/cgi-bin/gettoken?corpid=c1&corpsecret=right')).toMatchObject({ errcode: 0 })
  })

  it('are checked on every call: missing, unknown, expired', async () => {
    const sendWith = (token: string) =>
      sandbox.post(`/wecom/cgi-bin/message/send?access_token=${token}`, { touser: 'u1', agentid: 1, ...text('x') })
    expect(await sendWith('')).toMatchObject({ errcode: 41001 })
    expect(await sendWith('nonsense')).toMatchObject({ errcode: 40014 })
    const dingtalk = await sandbox.get('/dingtalk/gettoken?appkey=k&appsecret=s')
    expect(await sendWith(String(dingtalk.access_token))).toMatchObject({ errcode: 40014 })
    await client.settings({ tokenLifetimeSeconds: 60 })
    const token = await getToken()
    sandbox.advance(61_000)
    expect(await sendWith(token)).toMatchObject({ errcode: 42001 })
  })
})

describe('app messages', () => {
  const articles = [{ title: 'T', url: 'https://a.cn' }]
  const action = { type: 1, url: 'https://a.cn' }
  const button = { text: 'A', style: 1, type: 1, url: 'https://a.cn', key: 'a' }
  const buttons = { card_type: 'button_interaction', main_title: { title: 'T' }, task_id: 't1', button_list: [button] }
  const textcard = { title: 'T', description: 'B', url: 'https://a.cn' }
  const card = (fields: object) => ({ msgtype: 'template_card', template_card: fields })

  it.each([
    ['text', text('hello')],
    ['an agent id as a string', { ...text('hello'), agentid: '1000002' }],
    ['markdown', { msgtype: 'markdown', markdown: { content: '# T' } }],
    ['textcard', { msgtype: 'textcard', textcard: { ...textcard, btntxt: '详情' } }],
    ['news', { msgtype: 'news', news: { articles } }],
    ['text notice', card({ card_type: 'text_notice', sub_title_text: 'B', card_action: action })],
    ['buttons', card(buttons)],
    [
      'news notice',
      card({
        card_type: 'news_notice',
        main_title: { title: 'T' },
        card_action: action,
        image_text_area: { image_url: 'https://a.cn/p' },
      }),
    ],
  ])('%s', async (_name, body) => {
    const answer = await send(body)
    expect(answer).toMatchObject({ errcode: 0, errmsg: 'ok', invaliduser: '', msgid: expect.any(String) })
    expect(await client.messages()).toMatchObject([
      { mode: 'app', key: '1000002', delivered: true, messageId: answer.msgid, recipients: { userIds: ['u1'] } },
    ])
  })

  it('give a response code for interactive cards only', async () => {
    expect((await send(card(buttons))).response_code).toMatch(/^response-/)
    expect((await send(text('x'))).response_code).toBe('')
  })

  const ids = (count: number) => Array.from({ length: count }, (_, index) => `i${index}`).join('|')
  it.each([
    ['nobody', { ...text('x'), touser: '' }, 82001],
    ['1001 users', { ...text('x'), touser: ids(1001) }, 40032],
    ['an empty user id', { ...text('x'), touser: 'u1||u2' }, 40031],
    ['101 parties', { ...text('x'), toparty: ids(101) }, 82002],
    ['101 tags', { ...text('x'), totag: ids(101) }, 82003],
    ['users as an array', { ...text('x'), touser: ['u1'] }, 40058],
    ['no agent id', { ...text('x'), agentid: undefined }, 41011],
    ['an agent id that is none', { ...text('x'), agentid: 'app' }, 40056],
    ['an unknown msgtype', { msgtype: 'markdown_v2', markdown_v2: { content: 'x' } }, 40008],
    ['an unknown field', { ...text('x'), toUser: 'u1' }, 40058],
    ['a duplicate interval over 4 hours', { ...text('x'), duplicate_check_interval: 14_401 }, 40058],
    ['an empty text', text(''), 44004],
    ['a markdown over 2048 bytes', { msgtype: 'markdown', markdown: { content: '中'.repeat(683) } }, 40058],
    ['a textcard without title', { msgtype: 'textcard', textcard: { ...textcard, title: undefined } }, 41016],
    ['a textcard with an empty title', { msgtype: 'textcard', textcard: { ...textcard, title: '' } }, 41016],
    ['a textcard without description', { msgtype: 'textcard', textcard: { title: 'T', url: 'https://a.cn' } }, 41033],
    ['a textcard url without scheme', { msgtype: 'textcard', textcard: { ...textcard, url: 'a.cn' } }, 40058],
    [
      'a url over 2048 bytes',
      { msgtype: 'textcard', textcard: { ...textcard, url: `https://a.cn/${'x'.repeat(2040)}` } },
      40058,
    ],
    ['nine articles', { msgtype: 'news', news: { articles: Array(9).fill(articles[0]) } }, 45008],
    ['buttons without task id', card({ ...buttons, task_id: undefined }), 40058],
    [
      'seven buttons',
      card({ ...buttons, button_list: Array.from({ length: 7 }, (_, i) => ({ ...button, key: `k${i}` })) }),
      40058,
    ],
    ['two buttons with one key', card({ ...buttons, button_list: [button, button] }), 40058],
    [
      'a news notice without picture',
      card({ card_type: 'news_notice', main_title: { title: 'T' }, card_action: action }),
      40058,
    ],
  ])('refuse %s', async (_name, body, errcode) => {
    expect(await send(body)).toMatchObject({ errcode, httpStatus: 200 })
    expect(await client.messages()).toMatchObject([{ delivered: false, answer: { errcode } }])
  })

  it('reach those who exist and name the others in lower case', async () => {
    await client.declareApp('wecom', 'c1', 1000002, { users, departments: ['1'], tags: [] })
    const answer = await send({ touser: 'zhang|NoBody|Wang', toparty: '1|9', totag: '7', ...text('x') })
    expect(answer).toMatchObject({
      errcode: 0,
      invaliduser: 'nobody',
      unlicenseduser: 'wang',
      invalidparty: '9',
      invalidtag: '7',
    })
    const [message] = await client.messages()
    expect(message?.recipients).toMatchObject({ userIds: ['zhang'], departments: ['1'], invalid: ['NoBody', 'Wang'] })
    expect(await send({ touser: 'NoBody|Nemo', ...text('x') })).toMatchObject({
      errcode: 81013,
      invaliduser: 'nobody|nemo',
    })
    expect(await send({ touser: '@all', ...text('x') })).toMatchObject({ errcode: 0 })
  })

  it('check the declared agent, switch and rate of an app', async () => {
    await client.declareApp('wecom', 'c1', 1000002, { rateLimit: { count: 1, windowMs: 1000, blockMs: 1000 } })
    expect(await send({ ...text('x'), agentid: 3 })).toMatchObject({ errcode: 40056 })
    expect(await send(text('x'))).toMatchObject({ errcode: 0 })
    expect(await send(text('x'))).toMatchObject({ errcode: 45009 })
    await client.declareApp('wecom', 'c1', 1000002, { disabled: true })
    expect(await send(text('x'))).toMatchObject({ errcode: 50003 })
  })

  it('are shown once where the duplicate check is on, until the interval is over', async () => {
    const body = { ...text('dup'), enable_duplicate_check: 1, duplicate_check_interval: 60 }
    for (const variant of [body, body, { ...body, touser: 'u2' }, { ...body, enable_duplicate_check: 0 }]) {
      expect(await send(variant)).toMatchObject({ errcode: 0 })
    }
    sandbox.advance(61_000)
    await send(body)
    expect((await client.messages()).map(({ delivered, duplicate }) => [delivered, duplicate])).toEqual([
      [true, false],
      [false, true],
      [true, false],
      [true, false],
      [true, false],
    ])
  })

  it('are cut without a word where they are too long', async () => {
    await send(text('中'.repeat(683)))
    await send({
      msgtype: 'textcard',
      textcard: { title: 'x'.repeat(129), description: 'x'.repeat(513), url: 'https://a.cn', btntxt: '12345' },
    })
    expect((await client.messages()).map(({ truncated }) => truncated)).toEqual([
      ['text.content'],
      ['textcard.title', 'textcard.description', 'textcard.btntxt'],
    ])
  })
})

describe('recall and look-up', () => {
  it('withdraws a message within 24 hours', async () => {
    const { msgid } = await send(text('oops'))
    expect(await post('message/recall', { msgId: msgid })).toMatchObject({ errcode: 40058 })
    expect(await post('message/recall', { msgid: 'nonsense' })).toMatchObject({ errcode: 40058 })
    expect(await post('message/recall', { msgid })).toMatchObject({ errcode: 0 })
    expect(await client.messages()).toMatchObject([{ recalled: true }])
    sandbox.advance(24 * HOUR_MS + 1)
    expect(await post('message/recall', { msgid })).toMatchObject({ errcode: 40058 })
  })

  it('finds a user by phone number', async () => {
    expect(await post('user/getuserid', { mobile: '13800000000' })).toMatchObject({
      errcode: 0,
      userid: 'user-13800000000',
    })
    await client.declareApp('wecom', 'c1', 1000002, { users })
    expect(await post('user/getuserid', { mobile: '13800000000' })).toMatchObject({ errcode: 0, userid: 'Li' })
    expect(await post('user/getuserid', { mobile: '13900000000' })).toMatchObject({ errcode: 46004 })
    expect(await post('user/getuserid', { phone: '13800000000' })).toMatchObject({ errcode: 40058 })
  })
})
