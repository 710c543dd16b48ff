import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readAnswer } from '../src/answer.ts'
import { createFeishuAdapter } from '../src/index.ts'
import { signature } from '../src/sign.ts'
import { type FakeFeishu, startFakeFeishu } from './fake-feishu.ts'

const TOKEN = 'token-0123456789abcdef'
let feishu: FakeFeishu
beforeAll(async () => {
  feishu = await startFakeFeishu()
})
afterAll(() => feishu.stop())

const noLog = () => {}
const logger = { debug: noLog, info: noLog, warn: noLog, error: noLog }
function send(config: Record<string, unknown>, content = 'hello') {
  return createFeishuAdapter({ baseUrl: `${feishu.url}/` }).send(
    {
      config,
      messageType: 'TEXT',
      content,
      recipients: { userIds: [], mobiles: [], all: false },
      idempotencyKey: 'mc-1',
      task: { tenantId: '1', messageId: 'm', taskId: '1' },
    },
    { fetch, signal: AbortSignal.timeout(10_000), logger },
  )
}

describe('the signature', () => {
  test('has key and data the other way round than usual, and seconds', () => {
    expect(signature('SECtest', 1_700_000_000_999)).toEqual({
      timestamp: '1700000000',
      sign: 'G7XpBpG8NgG02fJOAhX6FRAObIljmFoxVReo8I62pEk=',
    })
  })

  test('is what the bot checks', async () => {
    feishu.declareBot(TOKEN, { secret: 'bot-secret' })
    expect(await send({ token: TOKEN, secret: 'bot-secret' })).toEqual({
      response: { code: 0, msg: 'success', data: {} },
    })
    for (const secret of [undefined, 'wrong-secret']) {
      await expect(send({ token: TOKEN, secret })).rejects.toMatchObject({ errorClass: 'PERMANENT', code: '19021' })
    }
    expect(feishu.shown(TOKEN)).toHaveLength(1)
  })
})

describe('a bot', () => {
  test('is called by its whole webhook as well', async () => {
    feishu.declareBot(`${TOKEN}-2`)
    await send({ webhook: `${feishu.url}/open-apis/bot/v2/hook/${TOKEN}-2` })
    expect(feishu.shown(`${TOKEN}-2`)).toEqual([{ msg_type: 'text', content: { text: 'hello' } }])
  })

  test('that wants a keyword, or is not there, refuses for good', async () => {
    feishu.declareBot(`${TOKEN}-3`, { keywords: ['alarm'] })
    await expect(send({ token: `${TOKEN}-3` })).rejects.toMatchObject({
      errorClass: 'PERMANENT',
      code: '19024',
      message: 'Key Words Not Found',
    })
    await send({ token: `${TOKEN}-3` }, 'alarm!')
    await expect(send({ token: `${TOKEN}-4` })).rejects.toMatchObject({ errorClass: 'PERMANENT', code: '19001' })
  })

  test('of a stored config that is not allowed any more is not called', async () => {
    const webhook = `http://127.0.0.1:1/open-apis/bot/v2/hook/${TOKEN}`
    await expect(send({ webhook })).rejects.toMatchObject({ errorClass: 'PERMANENT', code: 'INVALID_CONFIG' })
  })

  test('cannot take back what it has sent', async () => {
    const sent = { config: {}, providerMessageId: null, task: { tenantId: '1', messageId: 'm', taskId: '1' } }
    const tools = { fetch, signal: AbortSignal.timeout(1000), logger }
    expect(await createFeishuAdapter().recall?.(sent, tools)).toMatchObject({ recalled: false })
  })
})

describe('a webhook', () => {
  const faults = (webhook: string) => createFeishuAdapter().checkConfig?.({ webhook })
  test.each([
    `https://open.feishu.cn/open-apis/bot/v2/hook/${TOKEN}`,
    `https://open.larksuite.com/open-apis/bot/v2/hook/${TOKEN}`,
  ])('%s is allowed', (webhook) => expect(faults(webhook)).toEqual([]))

  test.each([
    `http://open.feishu.cn/open-apis/bot/v2/hook/${TOKEN}`,
    `https://open.feishu.cn.evil.example/open-apis/bot/v2/hook/${TOKEN}`,
    `https://open.feishu.cn@evil.example/open-apis/bot/v2/hook/${TOKEN}`,
    `https://open.feishu.cn:8443/open-apis/bot/v2/hook/${TOKEN}`,
    `https://open.feishu.cn/open-apis/bot/v2/hook/${TOKEN}/../../../../admin`,
    `https://open.feishu.cn/open-apis/bot/v2/hook/${TOKEN}?x=1`,
    `https://open.feishu.cn/open-apis/bot/v2/hook/`,
    `https://open.feishu.cn/open-apis/bot/hook/${TOKEN}`,
    `http://169.254.169.254/latest/meta-data/`,
  ])('%s is refused', (webhook) => expect(faults(webhook)).toMatchObject([{ path: 'webhook' }]))

  test('a base URL that is none stops the start', () => {
    for (const baseUrl of ['open.feishu.cn', 'file:///etc/passwd'])
      expect(() => createFeishuAdapter({ baseUrl })).toThrow(TypeError)
  })
})

describe('an answer', () => {
  const answered = (body: object, init: ResponseInit = {}) => readAnswer(new Response(JSON.stringify(body), init))
  test.each([
    [{ code: 0, msg: 'success', data: {} }],
    [{ StatusCode: 0, StatusMessage: 'success' }],
    [{ Extra: null, StatusCode: 0, StatusMessage: 'success', code: 0, data: {}, msg: 'success' }],
  ])('%j is a success', async (body) => expect(await answered(body)).toEqual(body))

  test('says by its header how long to wait', async () => {
    const limited = (headers: Record<string, string>, status: number) =>
      answered({ code: 99991400, msg: 'request trigger frequency limit' }, { headers, status })
    await expect(limited({ 'x-ogw-ratelimit-reset': '7' }, 400)).rejects.toMatchObject({ retryAfterMs: 7000 })
    await expect(limited({ 'x-ogw-ratelimit-reset': '0.2' }, 429)).rejects.toMatchObject({ retryAfterMs: 1000 })
    await expect(limited({}, 200)).rejects.toMatchObject({ errorClass: 'RATE_LIMITED', retryAfterMs: 60_000 })
  })

  test('of a code with no text gets ours; texts are not endless', async () => {
    await expect(answered({ code: 19022 })).rejects.toMatchObject({
      message: 'our IP is not in the allow list of the bot',
    })
    await expect(answered({ code: 1, msg: 'x'.repeat(9000) })).rejects.toMatchObject({
      message: 'x'.repeat(400),
      response: expect.stringMatching(/^.{4000}$/),
    })
  })
})
