import { afterAll, afterEach, describe, expect, inject, test } from 'vitest'
import { compileValidator } from '../../contracts/validator.ts'
import type { SendInput, SendTools } from '../adapter.ts'
import { createTestTokens } from '../adapter-test-kit.ts'
import { createProviderFetch } from '../http.ts'
import { type CannedAnswer, startRecordingServer } from '../recording-server.ts'
import { createWechatWorkAdapter } from './index.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

// A robot needs no access token: nothing is fetched here.
const { tokens, close } = createTestTokens(inject('redisUrl'))
afterAll(close)

const NOBODY = { userIds: [], mobiles: [], all: false }
const noLog = (): void => {}

async function setUp(answer: CannedAnswer = { body: { errcode: 0, errmsg: 'ok' } }) {
  const server = await startRecordingServer(() => answer)
  const { fetch, close } = createProviderFetch({ timeoutMs: 20_000 })
  cleanups.push(server.close, close)
  const adapter = createWechatWorkAdapter({ baseUrl: `${server.origin}/wecom`, tokens })
  const logger = { debug: noLog, info: noLog, warn: noLog, error: noLog }
  const tools: SendTools = { fetch, signal: new AbortController().signal, logger }
  const send = (input: Partial<SendInput>) =>
    adapter.send(
      {
        config: { mode: 'robot', key: 'k-1' },
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
  test('posts the payload to the base URL', async () => {
    const { server, send } = await setUp()
    expect(await send({})).toEqual({ response: { errcode: 0, errmsg: 'ok' } })
    const [request] = server.requests
    expect(request).toMatchObject({ method: 'POST', headers: { 'content-type': 'application/json; charset=utf-8' } })
    expect(`${request?.url.pathname}${request?.url.search}`).toBe('/wecom/cgi-bin/webhook/send?key=k-1')
    expect(JSON.parse(request?.body ?? '')).toEqual({ msgtype: 'text', text: { content: 'hi' } })
  })

  test('a webhook is used as it is', async () => {
    const { server, send } = await setUp()
    await send({ config: { mode: 'robot', webhook: `${server.origin}/wecom/cgi-bin/webhook/send?key=hook` } })
    expect(server.requests[0]?.url.search).toBe('?key=hook')
  })

  test('the config’s overflow decides about what is too long', async () => {
    const { server, send } = await setUp()
    const content = 'x'.repeat(3000)
    await expect(send({ content })).rejects.toMatchObject({ errorClass: 'PERMANENT', code: 'CONTENT_TOO_LONG' })
    await send({ content, config: { mode: 'robot', key: 'k', overflow: 'truncate' } })
    expect(server.requests.map(({ body }) => Buffer.byteLength(JSON.parse(body).text.content))).toEqual([2048])
  })

  test('tells what a type could not mention', async () => {
    const { send } = await setUp()
    const outcome = await send({
      messageType: 'MARKDOWN',
      content: { text: 'body' },
      recipients: { ...NOBODY, all: true },
    })
    expect(outcome.detail).toBe('not mentioned: everyone (markdown cannot)')
  })

  test('a refusal is the provider’s code and text', async () => {
    const { send } = await setUp({
      body: { errcode: 93000, errmsg: 'invalid webhook url, hint: [1], from ip: 1.2.3.4' },
    })
    await expect(send({})).rejects.toMatchObject({
      errorClass: 'PERMANENT',
      code: '93000',
      message: 'invalid webhook url',
    })
  })

  test('a stored webhook that is no longer allowed is not called', async () => {
    const { server, send } = await setUp()
    const config = { mode: 'robot', webhook: `${server.origin}/cgi-bin/webhook/send?key=k` }
    await expect(send({ config })).rejects.toMatchObject({ errorClass: 'PERMANENT', code: 'INVALID_CONFIG' })
    expect(server.requests).toEqual([])
  })
})

test('payloads shows what would be sent', async () => {
  const { adapter } = await setUp()
  const text = { msgtype: 'text', text: { content: 'hi' } }
  expect(adapter.payloads?.('TEXT', 'hi', NOBODY)).toEqual({ robot: text, app: text })
  expect(Object.keys(adapter.payloads?.('MARKDOWN', { text: 'x'.repeat(3000) }, NOBODY) ?? {})).toEqual(['robot'])
})

describe('config', () => {
  const adapter = createWechatWorkAdapter({ baseUrl: 'http://127.0.0.1:4010/wecom/', tokens })
  const shape = compileValidator(adapter.configSchema)
  const robot = { mode: 'robot', key: 'abc' }
  const app = { mode: 'app', corpId: 'c', corpSecret: 's', agentId: 1000002 }

  test.each([
    robot,
    { ...robot, overflow: 'reject' },
    { mode: 'robot', webhook: 'https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abc' },
    { mode: 'robot', webhook: 'http://127.0.0.1:4010/wecom/cgi-bin/webhook/send?key=abc' },
    app,
  ])('takes %j', (config) => {
    expect([...shape(config), ...(adapter.checkConfig?.(config) ?? [])]).toEqual([])
  })

  test.each([
    [{}],
    [{ mode: 'x' }],
    [{ ...robot, secret: 'SEC' }],
    [{ ...robot, key: 'a b' }],
    [{ mode: 'app', corpId: 'c', agentId: 1 }],
    [{ ...app, agentId: 1.5 }],
    [{ ...app, agentId: 2 ** 53 }],
  ])('the schema refuses %j', (config) => {
    expect(shape(config)).not.toEqual([])
  })

  test('exactly one of key and webhook, at an allowed address', () => {
    const webhook = 'https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abc'
    const evil = 'https://qyapi.weixin.qq.com.evil.com/cgi-bin/webhook/send?key=abc'
    expect(adapter.checkConfig?.({ mode: 'robot' })).toMatchObject([{ path: 'key' }])
    expect(adapter.checkConfig?.({ ...robot, webhook })).toMatchObject([{ path: 'key' }])
    expect(adapter.checkConfig?.({ mode: 'robot', webhook: evil })).toMatchObject([{ path: 'webhook' }])
  })
})
