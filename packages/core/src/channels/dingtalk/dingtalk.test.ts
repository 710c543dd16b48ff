import { afterAll, afterEach, describe, expect, inject, test } from 'vitest'
import { compileValidator } from '../../contracts/validator.ts'
import type { SendInput, SendTools } from '../adapter.ts'
import { createTestTokens } from '../adapter-test-kit.ts'
import { createProviderFetch } from '../http.ts'
import { type CannedAnswer, startRecordingServer } from '../recording-server.ts'
import { createDingtalkAdapter } from './index.ts'
import { signRobotCall } from './sign.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

// A robot needs no access token: nothing is fetched here.
const { tokens, close } = createTestTokens(inject('redisUrl'))
afterAll(close)

const NOBODY = { userIds: [], mobiles: [], all: false }
const noLog = (): void => {}

async function setUp(answer: (index: number) => CannedAnswer = () => ({ body: { errcode: 0, errmsg: 'ok' } })) {
  const server = await startRecordingServer(answer)
  const { fetch, close } = createProviderFetch({ timeoutMs: 20_000 })
  cleanups.push(server.close, close)
  const baseUrl = `${server.origin}/dingtalk/`
  const adapter = createDingtalkAdapter({ baseUrl, apiBaseUrl: baseUrl, tokens })
  const logger = { debug: noLog, info: noLog, warn: noLog, error: noLog }
  const tools: SendTools = { fetch, signal: new AbortController().signal, logger }
  const send = (input: Partial<SendInput>) =>
    adapter.send(
      {
        config: { mode: 'robot', accessToken: 'tok+en' },
        messageType: 'TEXT',
        content: 'hi',
        recipients: NOBODY,
        idempotencyKey: 'task-7',
        task: { tenantId: '1', messageId: 'm', taskId: '7' },
        ...input,
      },
      tools,
    )
  return { server, adapter, send }
}

describe('send', () => {
  test('posts the payload with the idempotency key to the base URL', async () => {
    const { server, send } = await setUp()
    expect(await send({})).toEqual({ response: { errcode: 0, errmsg: 'ok' } })
    const [request] = server.requests
    expect(request).toMatchObject({ method: 'POST', headers: { 'content-type': 'application/json; charset=utf-8' } })
    expect(request?.url.pathname).toBe('/dingtalk/robot/send')
    expect(request?.url.search).toBe('?access_token=tok%2Ben')
    expect(JSON.parse(request?.body ?? '')).toEqual({ msgtype: 'text', text: { content: 'hi' }, msgUuid: 'task-7' })
  })

  test('a webhook is used as it is', async () => {
    const { server, send } = await setUp()
    await send({ config: { mode: 'robot', webhook: `${server.origin}/dingtalk/robot/send?access_token=hook` } })
    expect(server.requests[0]?.url.search).toBe('?access_token=hook')
  })

  test('signs at send time, encoded once', async () => {
    const { server, send } = await setUp()
    const before = Date.now()
    await send({ config: { mode: 'robot', accessToken: 't', secret: 'SECtest' } })
    const url = server.requests[0]?.url
    const timestamp = Number(url?.searchParams.get('timestamp'))
    expect(timestamp).toBeGreaterThanOrEqual(before)
    expect(timestamp).toBeLessThanOrEqual(Date.now())
    expect(url?.searchParams.get('sign')).toBe(signRobotCall('SECtest', timestamp))
  })

  test('tells what a type could not mention', async () => {
    const { send } = await setUp()
    const outcome = await send({
      messageType: 'LINK',
      content: { title: 'T', text: 'B', url: 'https://a.example' },
      recipients: { ...NOBODY, mobiles: ['138'] },
    })
    expect(outcome.detail).toBe('not mentioned: 1 mobiles (a link cannot)')
  })

  test('a stored webhook that is no longer allowed is not called', async () => {
    const { server, send } = await setUp()
    const config = { mode: 'robot', webhook: `${server.origin}/elsewhere?access_token=t` }
    await expect(send({ config })).rejects.toMatchObject({ errorClass: 'PERMANENT', code: 'INVALID_CONFIG' })
    expect(server.requests).toEqual([])
  })
})

describe('a refused timestamp', () => {
  const signed = { config: { mode: 'robot', accessToken: 't', secret: 'SECtest' } }
  const refused = { errcode: 310000, errmsg: 'invalid timestamp' }
  const date = 'Sun, 01 Mar 2026 00:00:00 GMT'

  test('is signed again once, by the provider’s clock, for the same message', async () => {
    const { server, send } = await setUp((n) =>
      n === 0 ? { headers: { date }, body: refused } : { body: { errcode: 0 } },
    )
    expect(await send(signed)).toEqual({ response: { errcode: 0 } })
    const timestamp = Date.parse(date)
    expect(server.requests[1]?.url.searchParams.get('timestamp')).toBe(`${timestamp}`)
    expect(server.requests[1]?.url.searchParams.get('sign')).toBe(signRobotCall('SECtest', timestamp))
    expect(server.requests[1]?.body).toBe(server.requests[0]?.body)
  })

  test('then is PERMANENT', async () => {
    const { server, send } = await setUp(() => ({ body: refused }))
    await expect(send(signed)).rejects.toMatchObject({ errorClass: 'PERMANENT', code: '310000' })
    expect(server.requests).toHaveLength(2)
  })

  test('is PERMANENT at once without a secret, as is any other fault of the signature', async () => {
    const unsigned = await setUp(() => ({ body: refused }))
    await expect(unsigned.send({})).rejects.toMatchObject({ errorClass: 'PERMANENT' })
    const mismatch = await setUp(() => ({ body: { errcode: 310000, errmsg: 'sign not match' } }))
    await expect(mismatch.send(signed)).rejects.toMatchObject({ errorClass: 'PERMANENT', message: 'sign not match' })
    expect([unsigned.server.requests.length, mismatch.server.requests.length]).toEqual([1, 1])
  })
})

describe('the size of the body', () => {
  const overhead = Buffer.byteLength(JSON.stringify({ msgtype: 'text', text: { content: '' }, msgUuid: 'task-7' }))

  test('20,000 bytes go out, one more is refused', async () => {
    const { server, send } = await setUp()
    await send({ content: 'x'.repeat(20_000 - overhead) })
    expect(Buffer.byteLength(server.requests[0]?.body ?? '')).toBe(20_000)
    await expect(send({ content: 'x'.repeat(20_001 - overhead) })).rejects.toMatchObject({
      errorClass: 'PERMANENT',
      code: 'CONTENT_TOO_LONG',
      message: 'the message body has 20001 bytes, the provider takes 20000',
    })
    expect(server.requests).toHaveLength(1)
  })

  test('with overflow truncate the text is cut, and title, buttons and mentions stay', async () => {
    const { server, send } = await setUp()
    await send({
      config: { mode: 'robot', accessToken: 't', overflow: 'truncate' },
      messageType: 'CARD',
      content: { title: 'T', text: '"汉\n'.repeat(9000), buttons: [{ title: 'Open', url: 'https://a.example' }] },
      recipients: { ...NOBODY, userIds: ['u1'] },
    })
    const body = server.requests[0]?.body ?? ''
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(20_000)
    expect(Buffer.byteLength(body)).toBeGreaterThan(19_990)
    const { actionCard } = JSON.parse(body)
    expect(actionCard).toMatchObject({ title: 'T', singleTitle: 'Open', singleURL: 'https://a.example' })
    expect(actionCard.text).toMatch(/^#### T\n"汉[\s\S]*…\n\n@u1$/)
  })
})

describe('payloads', () => {
  test('shows what would be sent; too long is an error', async () => {
    const { adapter } = await setUp()
    const text = { msgtype: 'text', text: { content: 'hi' } }
    expect(adapter.payloads?.('TEXT', 'hi', NOBODY)).toEqual({ robot: text, app: text })
    expect(Object.keys(adapter.payloads?.('TEXT', 'x'.repeat(3000), NOBODY) ?? {})).toEqual(['robot'])
    expect(() => adapter.payloads?.('TEXT', 'x'.repeat(20_000), NOBODY)).toThrow(
      expect.objectContaining({ code: 'CONTENT_TOO_LONG' }),
    )
  })
})

describe('config', () => {
  const adapter = createDingtalkAdapter({
    baseUrl: 'http://127.0.0.1:4010/dingtalk',
    apiBaseUrl: 'http://127.0.0.1:4010',
    tokens,
  })
  const shape = compileValidator(adapter.configSchema)
  const robot = { mode: 'robot', accessToken: 'abc' }
  const app = { mode: 'app', appKey: 'k', appSecret: 's', agentId: '123' }

  test.each([
    robot,
    { ...robot, secret: 'SEC1', overflow: 'truncate' },
    { mode: 'robot', webhook: 'https://oapi.dingtalk.com/robot/send?access_token=abc' },
    { mode: 'robot', webhook: 'http://127.0.0.1:4010/dingtalk/robot/send?access_token=abc' },
    app,
    { ...app, agentId: 123 },
  ])('takes %j', (config) => {
    expect([...shape(config), ...(adapter.checkConfig?.(config) ?? [])]).toEqual([])
  })

  test.each([
    [{}],
    [{ mode: 'other' }],
    [{ accessToken: 'abc' }],
    [{ ...robot, extra: 1 }],
    [{ ...robot, accessToken: 'https://oapi.dingtalk.com/robot/send?access_token=abc' }],
    [{ ...robot, overflow: 'drop' }],
    [{ ...robot, appKey: 'k' }],
    [{ mode: 'app', appKey: 'k', agentId: '1' }],
    [{ ...app, agentId: 'x' }],
    // It has been rounded already.
    [{ ...app, agentId: 2 ** 53 }],
  ])('the schema refuses %j', (config) => {
    expect(shape(config)).not.toEqual([])
  })

  test('exactly one of accessToken and webhook, at an allowed address', () => {
    const webhook = 'https://oapi.dingtalk.com/robot/send?access_token=abc'
    const evil = 'https://oapi.dingtalk.com@evil.com/robot/send?access_token=abc'
    expect(adapter.checkConfig?.({ mode: 'robot' })).toMatchObject([{ path: 'accessToken' }])
    expect(adapter.checkConfig?.({ ...robot, webhook })).toMatchObject([{ path: 'accessToken' }])
    expect(adapter.checkConfig?.({ mode: 'robot', webhook: evil })).toMatchObject([{ path: 'webhook' }])
  })
})
