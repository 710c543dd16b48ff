import type { RecallResults } from '@message-center/core/contracts/message-operations.ts'
import type { MessageDetail } from '@message-center/core/contracts/messages.ts'
import type { Page } from '@message-center/core/contracts/pages.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import type { RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

let system: TestSystem
beforeAll(async () => {
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: inject('redisUrl'),
    variables: { SEND_TIMEOUT_MS: '1500' },
  })
})
afterAll(() => system.stop())

const SECRET = 'the-secret-of-the-app'
const RECALL_PATH = 'corpconversation/recall'

let tenants = 1300
/** A tenant with the configs of these channels. */
async function newTenant(configs: Record<string, Record<string, unknown>>) {
  const tenantId = String(tenants++)
  const call = system.caller({ tenantId, sub: 'an operator' })
  const ids = new Map<string, string>()
  for (const [channelType, configJson] of Object.entries(configs)) {
    ids.set(channelType, (await createConfig(call, channelType, { configJson })).id)
    await createTemplate(call, 'ORDER', channelType)
  }
  return {
    tenantId,
    call,
    ids,
    async sent(userIds = ['u1', 'u2']): Promise<MessageDetail> {
      const body = {
        businessType: 'ORDER',
        businessData: { orderNo: `order-${tenantId}` },
        attributes: { to: { userIds } },
      }
      const { body: answer } = await call<{ messageId: string }>('POST', '/api/messages', body)
      return finalMessage(call, answer.messageId)
    },
    detail: async (messageId: string) => (await call<MessageDetail>('GET', `/api/messages/${messageId}`)).body,
    async recall(messageId: string): Promise<RecallResults['results']> {
      const { status, body } = await call<RecallResults>('POST', `/api/messages/${messageId}/recall`)
      expect(status, JSON.stringify(body)).toBe(200)
      return body.results
    },
    async inboxRows(): Promise<number> {
      const [rows] = await system.pool.query<RowDataPacket[]>('SELECT id FROM msg_inbox WHERE tenant_id = ?', [
        tenantId,
      ])
      return rows.length
    },
    provider: () => system.sandbox.client.messages({ contains: `order-${tenantId}` }),
  }
}

const dingtalkApp = (account: string) => ({ mode: 'app', appKey: account, appSecret: SECRET, agentId: 1 })
const wecomApp = (account: string) => ({ mode: 'app', corpId: account, corpSecret: SECRET, agentId: 1 })

test('apps and inbox: withdrawn at every provider; the task stays SUCCESS and says so, also to a second recall', async () => {
  const { call, sent, recall, detail, inboxRows, provider } = await newTenant({
    DINGTALK: dingtalkApp('recall-1'),
    WECHAT_WORK: wecomApp('recall-1'),
    LOCAL: {},
  })
  const message = await sent()
  expect(message).toMatchObject({ status: 'SUCCESS', successChannels: 3 })
  expect(await inboxRows()).toBe(2)

  const expected = message.tasks.map(({ id, channelType }) => ({ taskId: id, channelType, recalled: true }))
  expect(await recall(message.messageId)).toEqual(expected)
  expect((await provider()).map(({ recalled }) => recalled)).toEqual([true, true])
  expect(await inboxRows()).toBe(0)
  const after = await detail(message.messageId)
  expect(after).toMatchObject({ status: 'SUCCESS', successChannels: 3, finishTime: message.finishTime })
  for (const task of after.tasks) {
    expect(task).toMatchObject({ status: 'SUCCESS', resultMessage: expect.stringContaining('recalled by an operator') })
    expect(task.recallTime).not.toBeNull()
  }

  for (const result of await recall(message.messageId)) {
    expect(result).toMatchObject({ recalled: true, reason: expect.stringMatching(/^it was recalled at \d{4}-/) })
  }
  const { body } = await call<Page<object>>('GET', `/api/audit-logs?objectType=MESSAGE&objectId=${message.messageId}`)
  expect(body.items).toMatchObject([{ action: 'RECALL', actor: 'an operator', after: { results: expected } }])
})

test('what a robot has sent, what failed and what waits stay; each says why', async () => {
  const { ids, call, sent, recall, tenantId } = await newTenant({
    DINGTALK: { mode: 'robot', accessToken: 'recall-robot' },
    WECHAT_WORK: { mode: 'robot', key: 'recall-robot' },
    LOCAL: {},
  })
  await system.sandbox.client.addFault({
    match: { provider: 'wecom', contentIncludes: `order-${tenantId}` },
    fault: { kind: 'errcode', errcode: 93000 },
  })
  const message = await sent([])
  expect(await recall(message.messageId)).toMatchObject([
    { channelType: 'DINGTALK', recalled: false, reason: expect.stringMatching(/robot/) },
    { channelType: 'WECHAT_WORK', recalled: false, reason: 'it was not delivered' },
    { channelType: 'LOCAL', recalled: false, reason: 'it was not delivered' },
  ])
  expect(ids.size).toBe(3)
  const later = { sendAt: new Date(Date.now() + 3_600_000).toISOString() }
  const body = { businessType: 'ORDER', businessData: { orderNo: 1 }, attributes: later }
  const waiting = (await call<{ messageId: string }>('POST', '/api/messages', body)).body.messageId
  expect(await recall(waiting)).toEqual([])
})

test.each<[string, object, RegExp]>([
  ['an outage', { kind: 'http', status: 500 }, /HTTP_500/],
  ['a refusal', { kind: 'errcode', errcode: 400002, errmsg: 'older than 24 hours' }, /older than 24 hours/],
  ['silence', { kind: 'hang' }, /no answer|timeout/i],
])('%s of the provider is a reason, and the call can be repeated', async (_title, fault, reason) => {
  const { tenantId, sent, recall, detail } = await newTenant({ DINGTALK: dingtalkApp(`recall-${tenants}`) })
  const message = await sent()
  const match = { token: `recall-${tenantId}`, path: RECALL_PATH }
  await system.sandbox.client.addFault({ match, fault: fault as { kind: 'drop' }, times: 1 })
  const [refused] = await recall(message.messageId)
  expect(refused).toMatchObject({ recalled: false, reason: expect.stringMatching(reason) })
  expect((await detail(message.messageId)).tasks[0]).toMatchObject({ status: 'SUCCESS', recallTime: null })
  expect(await recall(message.messageId)).toMatchObject([{ recalled: true }])
})

test('a deleted config: an app cannot be asked any more, an inbox needs none', async () => {
  const { call, ids, sent, recall, inboxRows } = await newTenant({ WECHAT_WORK: wecomApp('recall-deleted'), LOCAL: {} })
  const message = await sent()
  for (const id of ids.values()) await call('DELETE', `/api/channel-configs/${id}`)
  expect(await recall(message.messageId)).toMatchObject([
    { channelType: 'WECHAT_WORK', recalled: false, reason: `channel config ${ids.get('WECHAT_WORK')} was deleted` },
    { channelType: 'LOCAL', recalled: true },
  ])
  expect(await inboxRows()).toBe(0)
})

test('a message of many calls is taken back as a whole', async () => {
  const { sent, recall, provider } = await newTenant({ DINGTALK: dingtalkApp('recall-many') })
  const message = await sent(Array.from({ length: 250 }, (_, index) => `u${index}`))
  expect(await recall(message.messageId)).toMatchObject([{ recalled: true }])
  expect((await provider()).map(({ recalled }) => recalled)).toEqual([true, true, true])
})
