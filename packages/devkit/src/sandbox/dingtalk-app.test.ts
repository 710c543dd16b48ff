import { describe, expect, it } from 'vitest'
import { startTestSandbox } from './sandbox-testing.ts'

const sandbox = await startTestSandbox()
const { client } = sandbox.running
const TOPAPI = '/dingtalk/topapi/message/corpconversation'
const DAY_MS = 24 * 3_600_000
const HOUR_MS = 3_600_000

const msg = (content: string) => ({ msgtype: 'text', text: { content } })
const getToken = async (secret = 's') =>
  String((await sandbox.get(`/dingtalk/gettoken?appkey=key1&appsecret=${secret}`)).access_token)
const notify = async (body: object) =>
  sandbox.post(`${TOPAPI}/asyncsend_v2?access_token=${await getToken()}`, { agent_id: 7, ...body })

describe('access tokens', () => {
  it('come the old way, the same within their lifetime, which asking extends', async () => {
    const first = await sandbox.get('/dingtalk/gettoken?appkey=key1&appsecret=s')
    expect(first).toMatchObject({ errcode: 0, errmsg: 'ok', expires_in: 7200 })
    sandbox.advance(HOUR_MS)
    expect(await getToken()).toBe(first.access_token)
    sandbox.advance(1.5 * HOUR_MS)
    expect(await getToken()).toBe(first.access_token)
    sandbox.advance(2 * HOUR_MS + 1)
    expect(await getToken()).not.toBe(first.access_token)
  })

  it('come the new ways under other names', async () => {
    const path = '/dingtalk/v1.0/oauth2/accessToken'
    const first = await sandbox.post(path, { appKey: 'key1', appSecret: 's' })
    expect(first).toMatchObject({ expireIn: 7200, httpStatus: 200 })
    expect(first.accessToken).toBe(await getToken())
    const body = { client_id: 'key1', client_secret: 's', grant_type: 'client_credentials' }
    const second = await sandbox.post('/v1.0/oauth2/corp1/token', body)
    expect(second).toMatchObject({ access_token: first.accessToken, expires_in: 7200 })
  })

  it('are refused for wrong credentials, each way in its own words', async () => {
    await client.declareApp('dingtalk', 'key1', 7, { secret: 'right' })
    expect(await sandbox.get('/dingtalk/gettoken?appkey=key1&appsecret=wrong')).toMatchObject({ errcode: 40089 })
    expect(await sandbox.get('/dingtalk/gettoken?appkey=key1')).toMatchObject({ errcode: 40089 })
    const wrong = { appKey: 'key1', appSecret: 'wrong' }
    const answer = await sandbox.post('/dingtalk/v1.0/oauth2/accessToken', wrong)
    expect(answer).toMatchObject({ httpStatus: 400, code: 'invalidClientIdOrSecret' })
    const misspelt = await sandbox.post('/dingtalk/v1.0/oauth2/accessToken', { appkey: 'key1', appsecret: 'right' })
    expect(misspelt).toMatchObject({ httpStatus: 400, code: 'invalidParameter' })
    const body = { client_id: 'key1', client_secret: 'wrong', grant_type: 'client_credentials' }
    expect(await sandbox.post('/v1.0/oauth2/corp1/token', body)).toMatchObject({
      httpStatus: 400,
      code: 'invalid.client',
    })
    await client.settings({ strictTokens: true })
    expect(await sandbox.get('/dingtalk/gettoken?appkey=key2&appsecret=s')).toMatchObject({ errcode: 40089 })
  })

  it('are checked on every call: missing, unknown, expired, revoked', async () => {
    const send = (token: string) =>
      sandbox.post(`${TOPAPI}/asyncsend_v2?access_token=${token}`, { agent_id: 7, userid_list: 'u1', msg: msg('x') })
    expect(await send('')).toMatchObject({ errcode: 41001 })
    expect(await send('nonsense')).toMatchObject({ errcode: 40014 })
    await client.settings({ tokenLifetimeSeconds: 60 })
    const token = await getToken()
    expect(await send(token)).toMatchObject({ errcode: 0 })
    sandbox.advance(61_000)
    expect(await send(token)).toMatchObject({ errcode: 42001 })
    const fresh = await getToken()
    await client.revokeTokens('dingtalk')
    expect(await send(fresh)).toMatchObject({ errcode: 40014 })
  })
})

describe('work notices', () => {
  it('are queued with a task id', async () => {
    const answer = await notify({ userid_list: 'u1,u2', dept_id_list: '5', msg: msg('hello') })
    expect(answer).toEqual({ errcode: 0, task_id: expect.any(Number), request_id: expect.any(String), httpStatus: 200 })
    expect(await client.messages()).toMatchObject([
      {
        mode: 'app',
        key: '7',
        msgtype: 'text',
        messageId: String(answer.task_id),
        delivered: true,
        recipients: { userIds: ['u1', 'u2'], departments: ['5'] },
      },
    ])
  })

  it('may be posted as a form, as the documentation does', async () => {
    const form = new URLSearchParams({ agent_id: '7', userid_list: 'u1', msg: JSON.stringify(msg('form')) })
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const path = `${TOPAPI}/asyncsend_v2?access_token=${await getToken()}`
    expect(await sandbox.post(path, form.toString(), headers)).toMatchObject({ errcode: 0 })
    const [message] = await client.wait({ contains: '"content":"form"' })
    expect(message?.payload).toMatchObject({ msg: msg('form') })
    const broken = new URLSearchParams({ agent_id: '7', userid_list: 'u1', msg: '{' })
    expect(await sandbox.post(path, broken.toString(), headers)).toMatchObject({ errcode: 400002 })
  })

  const button = { title: 'A', action_url: 'https://a.cn' }
  const card = { title: 'T', markdown: 'x' }
  it.each([
    ['markdown', { msgtype: 'markdown', markdown: { title: 'T', text: '# x' } }],
    ['link', { msgtype: 'link', link: { messageUrl: 'https://a.cn', picUrl: '@media', title: 'T', text: 'B' } }],
    [
      'one button',
      { msgtype: 'action_card', action_card: { ...card, single_title: 'Open', single_url: 'https://a.cn' } },
    ],
    ['buttons', { msgtype: 'action_card', action_card: { ...card, btn_orientation: '0', btn_json_list: [button] } }],
  ])('take %s', async (_name, body) => {
    expect(await notify({ userid_list: 'u1', msg: body })).toMatchObject({ errcode: 0 })
  })

  const to = { userid_list: 'u1' }
  const cardOf = (fields: object) => ({ ...to, msg: { msgtype: 'action_card', action_card: { ...card, ...fields } } })
  const ids = (count: number) => Array.from({ length: count }, (_, index) => `u${index}`).join(',')
  it.each([
    ['no addressee', { msg: msg('x') }, 400002],
    ['an unknown parameter', { ...to, msg: msg('x'), userids: 'u1' }, 400002],
    ['no agent id', { ...to, agent_id: undefined, msg: msg('x') }, 41011],
    ['an agent id that is none', { ...to, agent_id: 'seven', msg: msg('x') }, 40056],
    ['no msg', to, 400002],
    ['101 users', { userid_list: ids(101), msg: msg('x') }, 40032],
    ['21 departments', { dept_id_list: ids(21), msg: msg('x') }, 40032],
    ['users as an array', { userid_list: ['u1'], msg: msg('x') }, 40031],
    ['an empty user id', { userid_list: 'u1,,u2', msg: msg('x') }, 40031],
    ['a strange to_all_user', { to_all_user: 'yes', msg: msg('x') }, 400002],
    ['an unknown msgtype', { ...to, msg: { msgtype: 'actionCard', actionCard: {} } }, 40008],
    ['an empty text', { ...to, msg: msg('') }, 44004],
    ['the robot spelling', cardOf({ singleTitle: 'Open', singleURL: 'https://a.cn' }), 40035],
    ['a card without buttons', cardOf({}), 40035],
    ['half a button', cardOf({ single_title: 'Open' }), 40035],
    ['a url without title', cardOf({ single_url: 'https://a.cn' }), 40035],
    ['buttons without orientation', cardOf({ btn_json_list: [button] }), 40035],
    ['a button title of 21', cardOf({ single_title: 'x'.repeat(21), single_url: 'https://a.cn' }), 45002],
    ['a url of 501', cardOf({ single_title: 'A', single_url: `https://a.cn/${'x'.repeat(488)}` }), 45002],
    ['a button list over 1000', cardOf({ btn_orientation: '0', btn_json_list: Array(25).fill(button) }), 45002],
    [
      'a link without picture',
      { ...to, msg: { msgtype: 'link', link: { messageUrl: 'https://a.cn', title: 'T', text: 'B' } } },
      40035,
    ],
    ['a msg over 2048 bytes', { ...to, msg: msg('中'.repeat(700)) }, 45002],
  ])('refuse %s', async (_name, body, errcode) => {
    expect(await notify(body)).toMatchObject({ errcode, httpStatus: 200 })
    expect(await client.messages()).toMatchObject([{ delivered: false, answer: { errcode } }])
  })

  it('refuse another content type', async () => {
    const path = `${TOPAPI}/asyncsend_v2?access_token=${await getToken()}`
    expect(await sandbox.post(path, '{}', { 'content-type': 'text/plain' })).toMatchObject({ errcode: 43009 })
  })

  it('check the declared agent, directory, switch and rate of an app', async () => {
    const rateLimit = { count: 3, windowMs: 1000, blockMs: 1000 }
    await client.declareApp('dingtalk', 'key1', 7, { users: [{ userId: 'u1' }], departments: ['5'], rateLimit })
    expect(await notify({ agent_id: 8, userid_list: 'u1', msg: msg('x') })).toMatchObject({ errcode: 40056 })
    expect(await notify({ userid_list: 'nobody', msg: msg('x') })).toMatchObject({ errcode: 33012 })
    expect(await notify({ dept_id_list: '6', msg: msg('x') })).toMatchObject({ errcode: 40009 })
    expect(await notify({ userid_list: 'u1,nobody', msg: msg('x') })).toMatchObject({ errcode: 0 })
    const [message] = await client.wait({ contains: 'u1,nobody' })
    expect(message?.recipients).toMatchObject({ userIds: ['u1'], invalid: ['nobody'] })
    expect(await notify({ userid_list: 'u1', msg: msg('y') })).toMatchObject({ errcode: 90018 })
    await client.declareApp('dingtalk', 'key1', 7, { disabled: true })
    expect(await notify({ userid_list: 'u1', msg: msg('x') })).toMatchObject({ errcode: 50003 })
  })

  it('drop the same content for the same employee until the next day in China', async () => {
    const midnight = Math.ceil((sandbox.now() + 8 * HOUR_MS) / DAY_MS) * DAY_MS - 8 * HOUR_MS
    sandbox.advance(midnight - sandbox.now() + HOUR_MS)
    const send = (users: string) => notify({ userid_list: users, msg: msg('same') })
    for (const users of ['u1', 'u1', 'u1,u2']) expect(await send(users)).toMatchObject({ errcode: 0 })
    const seen = (await client.messages()).map(({ delivered, dropped, recipients }) => [
      delivered,
      dropped,
      recipients.userIds,
      recipients.dropped,
    ])
    expect(seen).toEqual([
      [true, false, ['u1'], []],
      [false, true, [], ['u1']],
      [true, false, ['u2'], ['u1']],
    ])
    sandbox.advance(22 * HOUR_MS)
    await send('u1')
    expect((await client.messages()).at(-1)).toMatchObject({ dropped: true })
    sandbox.advance(HOUR_MS)
    await send('u1')
    expect((await client.messages()).at(-1)).toMatchObject({ delivered: true })
  })

  it('go to everyone three times a day', async () => {
    const codes = []
    for (let call = 0; call < 4; call += 1)
      codes.push((await notify({ to_all_user: true, msg: msg(`${call}`) })).errcode)
    expect(codes).toEqual([0, 0, 0, 41045])
  })
})

describe('what became of a notice', () => {
  const ask = async (call: string, body: object) =>
    sandbox.post(`${TOPAPI}/${call}?access_token=${await getToken()}`, body)

  it('is told for 24 hours', async () => {
    await client.declareApp('dingtalk', 'key1', 7, { users: [{ userId: 'u1' }, { userId: 'u2' }] })
    await notify({ userid_list: 'u1', msg: msg('again') })
    const { task_id } = await notify({ userid_list: 'u1,u2,u3', msg: msg('again') })
    expect(await ask('getsendresult', { agent_id: 7, task_id })).toMatchObject({
      errcode: 0,
      send_result: {
        invalid_user_id_list: ['u3'],
        unread_user_id_list: ['u2'],
        forbidden_user_id_list: ['u1'],
        forbidden_list: [{ code: '143106', count: 1, userid: 'u1' }],
      },
    })
    expect(await ask('getsendprogress', { agent_id: 7, task_id })).toMatchObject({
      progress: { status: 2, progress_in_percent: 100 },
    })
    expect(await ask('getsendresult', { agent_id: 8, task_id })).toMatchObject({ errcode: 400002 })
    expect(await ask('getsendresult', { agent_id: 7, taskId: task_id })).toMatchObject({ errcode: 400002 })
    sandbox.advance(DAY_MS + 1)
    expect(await ask('getsendresult', { agent_id: 7, task_id })).toMatchObject({ errcode: 400002 })
  })

  it('is busy for notices to more than 100 people', async () => {
    const { task_id } = await notify({ to_all_user: true, msg: msg('all') })
    expect(await ask('getsendresult', { agent_id: 7, task_id })).toMatchObject({ errcode: -1 })
  })

  it('can be recalled, by its own field name', async () => {
    const { task_id } = await notify({ userid_list: 'u1', msg: msg('oops') })
    expect(await ask('recall', { agent_id: 7, task_id })).toMatchObject({ errcode: 400002 })
    expect(await ask('recall', { agent_id: 7, msg_task_id: task_id })).toMatchObject({ errcode: 0 })
    expect(await client.messages()).toMatchObject([{ recalled: true }])
    expect(await ask('recall', { agent_id: 7, msg_task_id: 1 })).toMatchObject({ errcode: 400002 })
  })
})

describe('a user by phone number', () => {
  const find = async (mobile: string) =>
    sandbox.post(`/dingtalk/topapi/v2/user/getbymobile?access_token=${await getToken()}`, { mobile })

  it('is made up for an app without directory, looked up otherwise', async () => {
    expect(await find('13800000000')).toMatchObject({ errcode: 0, result: { userid: 'user-13800000000' } })
    await client.declareApp('dingtalk', 'key1', 7, { users: [{ userId: 'u1', mobile: '13800000000' }] })
    expect(await find('13800000000')).toMatchObject({ result: { userid: 'u1' } })
    expect(await find('13900000000')).toMatchObject({ errcode: 60121 })
    expect(await find('not a number')).toMatchObject({ errcode: 40104 })
  })
})
