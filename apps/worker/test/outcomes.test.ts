import type { MessageDetail } from '@message-center/core/contracts/messages.ts'
import {
  createConfig,
  createTemplate,
  finalMessage,
  setUpAllChannels,
} from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'

let system: TestSystem
beforeAll(async () => {
  system = await startTestSystem({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => system.stop())

let tenants = 100
/** Each test has a tenant of its own. */
function newTenant() {
  const tenantId = String(tenants++)
  const call = system.caller({ tenantId })
  const send = async (fields: Record<string, unknown> = {}): Promise<MessageDetail> => {
    const { status, body } = await call<{ messageId: string }>('POST', '/api/messages', {
      businessType: 'ORDER',
      businessData: { orderNo: 'A-1', userId: 'u1' },
      ...fields,
    })
    expect(status, JSON.stringify(body)).toBe(202)
    return finalMessage(call, body.messageId)
  }
  return { tenantId, call, send }
}

/** Hours that are closed for at least one hour to come, in UTC. */
function closedHours() {
  const hour = new Date().getUTCHours()
  return { timeWindowEnabled: true, timeWindowStartHour: (hour + 3) % 24, timeWindowEndHour: (hour + 5) % 24 }
}

describe('a message that fails as a whole', () => {
  test('CHANNEL_NOT_CONFIGURED: nothing is configured at all', async () => {
    const { send } = newTenant()
    expect(await send()).toMatchObject({
      status: 'FAILED',
      errorCode: 'CHANNEL_NOT_CONFIGURED',
      totalChannels: 0,
      failedChannels: 0,
      tasks: [],
    })
  })

  test('EXPIRED: it comes to the worker too late; each channel has its failed task', async () => {
    const { call, send } = newTenant()
    await setUpAllChannels(call, 'ORDER')
    const message = await send({ attributes: { expiresAt: new Date(Date.now() - 1000).toISOString() } })
    expect(message).toMatchObject({ status: 'FAILED', errorCode: 'EXPIRED', totalChannels: 3, failedChannels: 3 })
    expect(message.errorMessage).toMatch(/^EXPIRED: not sent by /)
    expect(message.tasks.map(({ errorCode }) => errorCode)).toEqual(['EXPIRED', 'EXPIRED', 'EXPIRED'])
  })

  test('a code that all tasks share is the message’s', async () => {
    const { call, send } = newTenant()
    await call('PUT', '/api/system-configs/timeZone', { value: 'UTC' })
    await createConfig(call, 'DINGTALK', closedHours())
    await createConfig(call, 'WECHAT_WORK', closedHours())
    const message = await send()
    expect(message).toMatchObject({
      status: 'FAILED',
      errorCode: 'OUTSIDE_TIME_WINDOW',
      totalChannels: 2,
      failedChannels: 2,
    })
    expect(message.errorMessage).toMatch(/^OUTSIDE_TIME_WINDOW: 'DINGTALK' is open \d+:00-\d+:59 \(UTC\)$/)
  })

  test('of several codes, the first in channel order is the message’s, whatever the order asked in', async () => {
    const { call, send } = newTenant()
    await createConfig(call, 'LOCAL')
    await createConfig(call, 'WECHAT_WORK')
    await createTemplate(call, 'ORDER', 'LOCAL')
    const message = await send({ targetChannels: ['LOCAL', 'WECHAT_WORK', 'DINGTALK'], businessData: { orderNo: 1 } })
    expect(message).toMatchObject({ status: 'FAILED', errorCode: 'CHANNEL_NOT_CONFIGURED', totalChannels: 3 })
    expect(message.tasks.map(({ channelType, errorCode }) => [channelType, errorCode])).toEqual([
      ['DINGTALK', 'CHANNEL_NOT_CONFIGURED'],
      ['WECHAT_WORK', 'TEMPLATE_NOT_FOUND'],
      ['LOCAL', 'TEMPLATE_RENDER_FAILED'],
    ])
  })
})

describe('a channel that drops out; the others go on', () => {
  test('CHANNEL_NOT_CONFIGURED: asked for, without a config; its task has channelConfigId "0"', async () => {
    const { call, send } = newTenant()
    const { id } = await createConfig(call, 'WECHAT_WORK')
    await createTemplate(call, 'ORDER', 'WECHAT_WORK')
    await createConfig(call, 'LOCAL', { enabled: false })
    const message = await send({ targetChannels: ['WECHAT_WORK', 'LOCAL'] })
    expect(message).toMatchObject({
      status: 'PARTIAL_SUCCESS',
      errorCode: 'CHANNEL_NOT_CONFIGURED',
      totalChannels: 2,
      successChannels: 1,
      failedChannels: 1,
      tasks: [
        { channelType: 'WECHAT_WORK', channelConfigId: id, status: 'SUCCESS', errorCode: null },
        { channelType: 'LOCAL', channelConfigId: '0', status: 'FAILED', errorCode: 'CHANNEL_NOT_CONFIGURED' },
      ],
    })
  })

  test('OUTSIDE_TIME_WINDOW', async () => {
    const { call, send } = newTenant()
    await call('PUT', '/api/system-configs/timeZone', { value: 'UTC' })
    await setUpAllChannels(call, 'ORDER')
    const list = await call<{ items: { id: string; channelType: string }[] }>('GET', '/api/channel-configs')
    const dingtalk = list.body.items.find(({ channelType }) => channelType === 'DINGTALK')
    await call('DELETE', `/api/channel-configs/${dingtalk?.id}`)
    await createConfig(call, 'DINGTALK', closedHours())
    const message = await send()
    expect(message).toMatchObject({
      status: 'PARTIAL_SUCCESS',
      errorCode: 'OUTSIDE_TIME_WINDOW',
      totalChannels: 3,
      failedChannels: 1,
    })
    expect(message.tasks[0]?.resultMessage).toMatch(/^OUTSIDE_TIME_WINDOW: /)
  })

  test('RATE_LIMITED; a rendering that fails gives its slot back', async () => {
    const { call, send } = newTenant()
    await createConfig(call, 'WECHAT_WORK', { rateLimitCount: 1, rateLimitWindow: 1, rateLimitUnit: 'HOUR' })
    await createTemplate(call, 'ORDER', 'WECHAT_WORK')
    const unrendered = await send({ businessData: {} })
    expect(unrendered).toMatchObject({ status: 'FAILED', errorCode: 'TEMPLATE_RENDER_FAILED' })
    expect(await send()).toMatchObject({ status: 'SUCCESS' })
    const refused = await send()
    expect(refused).toMatchObject({ status: 'FAILED', errorCode: 'RATE_LIMITED', totalChannels: 1 })
    expect(refused.errorMessage).toMatch(
      /^RATE_LIMITED: 'WECHAT_WORK' takes 1 per 3600 s; the next slot is free in \d+ s$/,
    )
  })

  test('TEMPLATE_NOT_FOUND: none, a disabled one, or none of the asked message type', async () => {
    const { call, send } = newTenant()
    await createConfig(call, 'WECHAT_WORK')
    expect(await send()).toMatchObject({ status: 'FAILED', errorCode: 'TEMPLATE_NOT_FOUND' })
    await createTemplate(call, 'ORDER', 'WECHAT_WORK', { enabled: false })
    expect(await send()).toMatchObject({ status: 'FAILED', errorCode: 'TEMPLATE_NOT_FOUND' })
    await createTemplate(call, 'ORDER', 'WECHAT_WORK', { messageType: 'MARKDOWN' })
    expect(await send({ attributes: { messageType: 'CARD' } })).toMatchObject({ errorCode: 'TEMPLATE_NOT_FOUND' })
    expect(await send()).toMatchObject({ status: 'SUCCESS', tasks: [{ messageType: 'MARKDOWN' }] })
  })

  test('TEMPLATE_RENDER_FAILED names all missing variables', async () => {
    const { call, send } = newTenant()
    await createConfig(call, 'WECHAT_WORK')
    const templateContent = 'no ${orderNo} for ${buyer.name} at ${attributes.place}'
    await createTemplate(call, 'ORDER', 'WECHAT_WORK', { templateContent })
    const message = await send()
    expect(message).toMatchObject({ status: 'FAILED', errorCode: 'TEMPLATE_RENDER_FAILED' })
    expect(message.tasks[0]?.resultMessage).toContain('buyer.name')
    expect(message.tasks[0]?.resultMessage).toContain('attributes.place')
    expect(message.tasks[0]?.resultMessage).not.toContain('orderNo')
  })

  test('CONTENT_TOO_LONG: found before sending, and by the adapter for its message type', async () => {
    const { call, send } = newTenant()
    await createConfig(call, 'DINGTALK')
    await createConfig(call, 'WECHAT_WORK')
    await createTemplate(call, 'ORDER', 'DINGTALK')
    await createTemplate(call, 'ORDER', 'WECHAT_WORK')
    const message = await send({ businessData: { orderNo: '字'.repeat(7_000) } })
    expect(message).toMatchObject({ status: 'FAILED', errorCode: 'CONTENT_TOO_LONG', totalChannels: 2 })
    expect(message.tasks.map(({ errorCode }) => errorCode)).toEqual(['CONTENT_TOO_LONG', 'CONTENT_TOO_LONG'])
    const shorter = await send({ businessData: { orderNo: '字'.repeat(3_000) } })
    expect(shorter).toMatchObject({ status: 'PARTIAL_SUCCESS', errorCode: 'CONTENT_TOO_LONG', successChannels: 1 })
  })

  test('NO_RECIPIENT: an inbox message for nobody', async () => {
    const { call, send } = newTenant()
    await createConfig(call, 'LOCAL', { configJson: {} })
    await createTemplate(call, 'ORDER', 'LOCAL')
    expect(await send()).toMatchObject({ status: 'FAILED', errorCode: 'NO_RECIPIENT' })
    expect(await send({ attributes: { to: { userIds: ['u7'] } } })).toMatchObject({ status: 'SUCCESS' })
  })

  test('CHANNEL_ERROR tells the provider’s code and text, and keeps its answer', async () => {
    const { call, send } = newTenant()
    await createConfig(call, 'DINGTALK', { configJson: { mode: 'robot', accessToken: 'out-of-order' } })
    await createTemplate(call, 'ORDER', 'DINGTALK')
    await system.sandbox.client.declareRobot('dingtalk', 'out-of-order', { keywords: ['nobody says this'] })
    const message = await send()
    expect(message).toMatchObject({ status: 'FAILED', errorCode: 'CHANNEL_ERROR' })
    expect(message.tasks[0]).toMatchObject({ retryCount: 0, nextRetryTime: null })
    expect(message.tasks[0]?.resultMessage).toMatch(/^CHANNEL_ERROR: 310000 .*keywords not in content/)
    expect(message.tasks[0]?.thirdPartyResponse).toContain('310000')
    expect(message.errorMessage).toBe(message.tasks[0]?.resultMessage)
  })

  test('a channel without a config of its own does not count unless it is asked for', async () => {
    const { call, send } = newTenant()
    await createConfig(call, 'LOCAL')
    await createTemplate(call, 'ORDER', 'LOCAL')
    expect(await send()).toMatchObject({ status: 'SUCCESS', totalChannels: 1, successChannels: 1, failedChannels: 0 })
  })
})

test('EXPIRED: a task that waits ends when its message expires, not when its turn comes', async () => {
  const { call, send } = newTenant()
  await createConfig(call, 'WECHAT_WORK', { rateLimitCount: 1, rateLimitUnit: 'HOUR', overflowPolicy: 'DEFER' })
  await createTemplate(call, 'ORDER', 'WECHAT_WORK')
  expect(await send()).toMatchObject({ status: 'SUCCESS' })
  const expiresAt = new Date(Date.now() + 2_500).toISOString()
  const message = await send({ attributes: { expiresAt } })
  expect(message).toMatchObject({ status: 'FAILED', errorCode: 'EXPIRED', tasks: [{ errorCode: 'EXPIRED' }] })
  expect(Date.parse(message.finishTime ?? '')).toBeGreaterThanOrEqual(Math.floor(Date.parse(expiresAt) / 1000) * 1000)
})

test('a message of many long recipients is sent', async () => {
  const { call } = newTenant()
  await createConfig(call, 'LOCAL', { configJson: {} })
  await createTemplate(call, 'ORDER', 'LOCAL')
  const userIds = Array.from({ length: 4_000 }, (_, index) => `reader-with-a-rather-long-name-${index}`)
  const body = {
    messageId: 'to-many',
    businessType: 'ORDER',
    businessData: { orderNo: 1 },
    attributes: { to: { userIds } },
  }
  expect((await call('POST', '/api/messages', body)).status).toBe(202)
  await until('the inbox rows', async () => {
    const { body: detail } = await call<MessageDetail>('GET', '/api/messages/to-many')
    return detail.status === 'SUCCESS'
  })
})
