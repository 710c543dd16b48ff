import type { MessageDetail } from '@message-center/core/contracts/messages.ts'
import type { FaultRule } from '@message-center/devkit/sandbox/faults.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

let system: TestSystem
beforeAll(async () => {
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: inject('redisUrl'),
    variables: { SEND_TIMEOUT_MS: '1000' },
  })
})
afterAll(() => system.stop())

const SETTINGS = {
  DINGTALK: { mode: 'app', appSecret: 'app-secret', agentId: 1 },
  WECHAT_WORK: { mode: 'app', corpSecret: 'corp-secret', agentId: 1 },
}
let tenants = 500

/** A tenant with one app of its own. */
async function tenantWith(channelType: keyof typeof SETTINGS) {
  const tenantId = String(tenants++)
  const account = `app-${tenantId}`
  const call = system.caller({ tenantId })
  await createTemplate(call, 'ORDER', channelType)
  await createConfig(call, channelType, {
    configJson: { ...SETTINGS[channelType], [channelType === 'DINGTALK' ? 'appKey' : 'corpId']: account },
    retry: { max: 3, initialDelayMs: 300 },
  })
  return {
    account,
    async post(orderNo: string, to: object): Promise<string> {
      const body = { businessType: 'ORDER', businessData: { orderNo }, attributes: { to } }
      return (await call<{ messageId: string }>('POST', '/api/messages', body)).body.messageId
    },
    task: async (messageId: string) => (await call<MessageDetail>('GET', `/api/messages/${messageId}`)).body.tasks[0],
    final: (messageId: string) => finalMessage(call, messageId),
    trace: async (messageId: string) =>
      (await call<{ tasks: { attempts: { outcome: string }[] }[] }>('GET', `/api/messages/${messageId}/trace`)).body,
  }
}

const users = (count: number) => Array.from({ length: count }, (_, n) => `u${n}`)

test.each<[keyof typeof SETTINGS, number, string, FaultRule['fault'], string]>([
  ['DINGTALK', 250, '"u100,', { kind: 'errcode', errcode: -1 }, 'transient'],
  ['DINGTALK', 250, '"u100,', { kind: 'hang' }, 'unknown'],
  ['WECHAT_WORK', 2500, '"u1000|', { kind: 'errcode', errcode: 45033 }, 'rate_limited'],
  ['WECHAT_WORK', 2500, '"u1000|', { kind: 'drop' }, 'unknown'],
])('%s: %i users, the second call of three goes wrong (%s, %j): the retry goes on there', async (...row) => {
  const [channelType, count, secondPart, fault, outcome] = row
  const { account, post, final, trace } = await tenantWith(channelType)
  await system.sandbox.client.addFault({ match: { token: account, contentIncludes: secondPart }, fault, times: 1 })
  const orderNo = `order of ${account}`
  const messageId = await post(orderNo, { userIds: users(count) })
  const message = await final(messageId)
  expect(message).toMatchObject({ status: 'SUCCESS', tasks: [{ status: 'SUCCESS' }] })
  const sent = await system.sandbox.client.messages({ contains: orderNo, limit: 20_000 })
  const parts = sent.filter(({ delivered }) => delivered)
  expect(parts.flatMap(({ recipients }) => recipients.userIds)).toEqual(users(count))
  expect(sent).toHaveLength(4)
  expect(message.tasks[0]?.providerMessageId).toBe(parts.map((part) => part.messageId).join(','))
  const { tasks } = await trace(messageId)
  expect(tasks[0]?.attempts.map((attempt) => attempt.outcome)).toEqual([outcome, 'success'])
})

test('whom DingTalk did not reach is told in the task once it says so', async () => {
  const { account, post, final, task } = await tenantWith('DINGTALK')
  await system.sandbox.client.declareApp('dingtalk', account, 1, {
    secret: 'app-secret',
    users: [{ userId: 'u1' }, { userId: 'u2', mobile: '13800000002' }],
  })
  await final(await post('twice', { userIds: ['u1'] }))
  const messageId = await post('twice', { userIds: ['u1', 'x'], mobiles: ['13800000002', '13800000009'] })
  const message = await final(messageId)
  const early = 'not reached: 13800000009 (no user has this mobile)'
  const late = 'not reached: x (unknown user id); u1 (has had the same content today, 143106)'
  expect(message.tasks[0]?.resultMessage).toMatch(early)
  const told = await until('the result', async () => {
    const current = await task(messageId)
    return current?.resultMessage?.includes('143106') && current
  })
  expect(told).toMatchObject({ status: 'SUCCESS', resultMessage: `${early}; ${late}` })
})

test('an app message to nobody fails before it is sent', async () => {
  const { post, final } = await tenantWith('WECHAT_WORK')
  expect(await final(await post('nobody', {}))).toMatchObject({ status: 'FAILED', errorCode: 'NO_RECIPIENT' })
})
