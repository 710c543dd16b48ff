import type { ChannelConfig } from '@message-center/core/contracts/channel-configs.ts'
import type { MessageDetail } from '@message-center/core/contracts/messages.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { type FakeFeishu, startFakeFeishu } from './fake-feishu.ts'

// The whole service with both examples: nothing of it knows them but by its environment.

const TOKEN = 'group-bot-0123456789'
const SECRET = 'bot-secret-0123456789'
const OPS = { OPS_USER: 'ops', OPS_PASSWORD: 'ops-password' }

let feishu: FakeFeishu
let system: TestSystem
let call: ApiCaller
let webhook: string
beforeAll(async () => {
  feishu = await startFakeFeishu()
  feishu.declareBot(TOKEN, { secret: SECRET })
  webhook = `${feishu.url}/open-apis/bot/v2/hook/${TOKEN}`
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: inject('redisUrl'),
    variables: {
      CHANNEL_ADAPTERS: './examples/feishu-adapter',
      MESSAGE_HANDLERS: './examples/dedupe-handler',
      FEISHU_BASE_URL: feishu.url,
      DEDUPE_KEY_PREFIX: `system-test-${process.pid}-${Date.now()}:`,
      ...OPS,
    },
  })
  call = system.caller()
  await createConfig(call, 'LOCAL')
})
afterAll(async () => {
  await system.stop()
  await feishu.stop()
})

const AMPLE = { rateLimitCount: 100_000, rateLimitWindow: 1, rateLimitUnit: 'SECOND' }
async function feishuConfig(fields: object, of = call) {
  const body = { channelType: 'FEISHU', channelName: '值班群', ...fields }
  return of<ChannelConfig & { details: object[] }>('POST', '/api/channel-configs', body)
}

async function send(businessType: string, fields: object = {}): Promise<MessageDetail> {
  const body = { businessType, businessData: { orderNo: 'A-1', userId: 'u1' }, ...fields }
  const { body: accepted } = await call<{ messageId: string }>('POST', '/api/messages', body)
  return finalMessage(call, accepted.messageId)
}

describe('a FEISHU config', () => {
  test('is checked by the adapter: schema and webhook', async () => {
    const refused = async (configJson: object) => {
      const { status, body } = await feishuConfig({ configJson })
      return { status, details: body.details }
    }
    expect(await refused({ token: 'short' })).toMatchObject({
      status: 400,
      details: [{ path: 'configJson.token', message: expect.stringContaining('pattern') }],
    })
    expect(await refused({ webhook: 'http://169.254.169.254/latest' })).toMatchObject({
      status: 400,
      details: [{ path: 'configJson.webhook', message: expect.stringContaining(`must begin with ${feishu.url}`) }],
    })
    expect(await refused({ webhook, hook: 1 })).toMatchObject({ details: [{ path: 'configJson.hook' }] })
  })

  test('is stored with its secrets masked and the adapter’s rate limit', async () => {
    const { status, body } = await feishuConfig(
      { configJson: { webhook, secret: SECRET } },
      system.caller({ tenantId: '2' }),
    )
    expect(status).toBe(201)
    expect(body).toMatchObject({
      configJson: { webhook: '******', secret: '******' },
      rateLimitCount: 100,
      rateLimitWindow: 1,
      rateLimitUnit: 'MINUTE',
    })
  })

  test('is described in OpenAPI', async () => {
    interface Document {
      components: { schemas: Record<string, { title?: string; properties?: Record<string, object> }> }
    }
    const { body } = await call<Document>('GET', '/docs/json')
    expect(body.components.schemas['FEISHU.configJson']).toMatchObject({
      title: 'Feishu custom bot',
      properties: { webhook: { type: 'string' }, token: {}, secret: {} },
    })
    expect(body.components.schemas['ChannelConfigInput.FEISHU']?.properties?.channelType).toEqual({
      type: 'string',
      const: 'FEISHU',
    })
  })

  test('can be tried out before anything is sent', async () => {
    const { body: config } = await feishuConfig({ configJson: { token: TOKEN, secret: SECRET }, enabled: false })
    const { body } = await call('POST', `/api/channel-configs/${config.id}/test`, {
      messageType: 'TEXT',
      content: 'tried out',
    })
    expect(body).toMatchObject({ success: true })
    expect(feishu.shown(TOKEN).at(-1)).toMatchObject({ content: { text: 'tried out' } })
  })
})

describe('a message', () => {
  beforeAll(async () => {
    await createConfig(call, 'FEISHU', { configJson: { webhook, secret: SECRET }, ...AMPLE })
    await createTemplate(call, 'PAID', 'FEISHU', {
      messageType: 'CARD',
      templateContent: JSON.stringify({
        title: 'Order ${orderNo}',
        text: '**paid**',
        buttons: [{ title: 'Open', url: 'https://shop.example/${orderNo}' }],
      }),
    })
    await createTemplate(call, 'ALARM', 'FEISHU', { templateContent: 'disk full on ${orderNo}' })
    await createTemplate(call, 'ALARM', 'LOCAL', { templateContent: 'disk full: ${message.messageId}' })
  })

  test('arrives in the group as a card that mentions its recipients', async () => {
    const to = { userIds: ['ou_1'], mobiles: ['13800000000'] }
    const message = await send('PAID', { targetChannels: ['FEISHU'], attributes: { to } })
    expect(message).toMatchObject({
      status: 'SUCCESS',
      tasks: [
        {
          channelType: 'FEISHU',
          resultMessage: 'not mentioned: 1 mobiles (a bot mentions user ids only)',
          thirdPartyResponse: '{"code":0,"msg":"success","data":{}}',
        },
      ],
    })
    expect(feishu.shown(TOKEN).at(-1)).toMatchObject({
      msg_type: 'interactive',
      card: {
        header: { title: { content: 'Order A-1' } },
        elements: [
          { text: { tag: 'lark_md', content: '**paid**\n<at id=ou_1></at>' } },
          { actions: [{ url: 'https://shop.example/A-1' }] },
        ],
      },
    })
  })

  test('that says the same again is dropped on that channel, with the reason in its task; its other channel goes on', async () => {
    const before = feishu.shown(TOKEN).length
    const first = await send('ALARM')
    expect(first.status).toBe('SUCCESS')
    const second = await send('ALARM')
    expect(second).toMatchObject({ status: 'PARTIAL_SUCCESS', errorCode: 'DUPLICATE' })
    const task = (channelType: string) => second.tasks.find((each) => each.channelType === channelType)
    expect(task('FEISHU')).toMatchObject({
      status: 'FAILED',
      errorCode: 'DUPLICATE',
      resultMessage: `DUPLICATE: message ${first.messageId} said the same here within 5 min`,
      retryCount: 0,
    })
    expect(task('LOCAL')?.status).toBe('SUCCESS')
    const forced = await send('ALARM', { attributes: { dedupe: false } })
    expect(forced.status).toBe('SUCCESS')
    expect(feishu.shown(TOKEN).length).toBe(before + 2)
  })

  test('is refused for good by a bot that is gone, and the answer shows no credential', async () => {
    const other = system.caller({ tenantId: '3' })
    const gone = 'gone-bot-0123456789'
    await feishuConfig({ configJson: { token: gone, secret: SECRET } }, other)
    await createTemplate(other, 'PAID', 'FEISHU')
    const { body } = await other<{ messageId: string }>('POST', '/api/messages', {
      businessType: 'PAID',
      businessData: { orderNo: 'A-2' },
    })
    const message = await finalMessage(other, body.messageId)
    expect(message).toMatchObject({
      status: 'FAILED',
      errorCode: 'CHANNEL_ERROR',
      errorMessage: 'CHANNEL_ERROR: 19001 param invalid: incoming webhook access token invalid',
    })
    expect(JSON.stringify(message)).not.toContain(gone)
  })
})

describe('what is watched', () => {
  test('has the queue of the channel', async () => {
    const authorization = `Basic ${Buffer.from(`${OPS.OPS_USER}:${OPS.OPS_PASSWORD}`).toString('base64')}`
    const { body } = await call<{ queues: { name: string; counts: Record<string, number> }[] }>(
      'GET',
      '/queues/api/queues?activeQueue=channel.FEISHU&status=completed&page=1&jobsPerPage=10',
      undefined,
      { authorization },
    )
    const queue = body.queues.find(({ name }) => name.endsWith('channel.FEISHU'))
    expect(queue, JSON.stringify(body.queues.map(({ name }) => name))).toBeDefined()
  })

  test('has the metrics of the channel and of the step', async () => {
    const metrics = await (await fetch(`${system.workers[0]?.url}/metrics`)).text()
    expect(metrics).toMatch(/message_center_tasks_finished_total\{channel="FEISHU",outcome="success"\} \d/)
    expect(metrics).toMatch(/message_center_provider_request_seconds_count\{channel="FEISHU",outcome="permanent"\} 1/)
    expect(metrics).toMatch(/message_center_step_seconds_count\{step="dedupe"\} \d/)
  })
})

test('a worker with both ends at once, and well, when it is asked to', async () => {
  expect(await system.workers[0]?.stop()).toEqual({ code: 0, signal: null })
})
