import type { MessageTrace } from '@message-center/core/contracts/messages.ts'
import {
  createConfig,
  createTemplate,
  finalMessage,
  setUpAllChannels,
} from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

let system: TestSystem
beforeAll(async () => {
  system = await startTestSystem({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => system.stop())

test('one POST reaches all configured channels, and the outcome is known', async () => {
  const call = system.caller()
  await setUpAllChannels(call, 'ORDER')
  const sent = await call('POST', '/api/messages', {
    messageId: 'order-1',
    businessType: 'ORDER',
    businessData: { orderNo: 'A-1', userId: 'u1' },
  })
  expect(sent).toMatchObject({ status: 202, body: { success: true, messageId: 'order-1' } })

  const message = await finalMessage(call, 'order-1')
  expect(message).toMatchObject({
    status: 'SUCCESS',
    totalChannels: 3,
    successChannels: 3,
    failedChannels: 0,
    errorCode: null,
  })
  expect(
    message.tasks.map(({ channelType, status, renderedContent }) => ({ channelType, status, renderedContent })),
  ).toEqual([
    { channelType: 'DINGTALK', status: 'SUCCESS', renderedContent: 'ORDER A-1' },
    { channelType: 'WECHAT_WORK', status: 'SUCCESS', renderedContent: 'ORDER A-1' },
    { channelType: 'LOCAL', status: 'SUCCESS', renderedContent: 'ORDER A-1' },
  ])
  const arrived = await system.sandbox.client.messages({ contains: 'ORDER A-1' })
  expect(
    arrived
      .map(({ provider, delivered }) => ({ provider, delivered }))
      .sort((a, b) => (a.provider < b.provider ? -1 : 1)),
  ).toEqual([
    { provider: 'dingtalk', delivered: true },
    { provider: 'wecom', delivered: true },
  ])
  const { body: trace } = await call<MessageTrace>('GET', '/api/messages/order-1/trace')
  expect(trace.steps.map(({ step }) => step)).toEqual([
    'accepted',
    'validation',
    'time-window',
    'channel-router',
    'rate-limit',
    'template-render',
    'channel-dispatch',
    'status-tracking',
  ])
  expect(trace.tasks.map(({ attempts }) => attempts.map(({ attempt, outcome }) => ({ attempt, outcome })))).toEqual([
    [{ attempt: 1, outcome: 'success' }],
    [{ attempt: 1, outcome: 'success' }],
    [{ attempt: 1, outcome: 'success' }],
  ])
})

test('a channel that drops out is a failed task; the others arrive', async () => {
  const call = system.caller({ tenantId: '2' })
  await createConfig(call, 'DINGTALK')
  await createConfig(call, 'WECHAT_WORK')
  await createTemplate(call, 'ALARM', 'DINGTALK')
  await call('POST', '/api/messages', { messageId: 'alarm-1', businessType: 'ALARM', businessData: { orderNo: 7 } })
  const message = await finalMessage(call, 'alarm-1')
  expect(message).toMatchObject({
    status: 'PARTIAL_SUCCESS',
    successChannels: 1,
    failedChannels: 1,
    errorCode: 'TEMPLATE_NOT_FOUND',
  })
})
