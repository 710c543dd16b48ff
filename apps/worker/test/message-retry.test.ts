import type { MessageDetail, MessageTrace } from '@message-center/core/contracts/messages.ts'
import type { Page } from '@message-center/core/contracts/pages.ts'
import { createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { received, textOf } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'

let system: TestSystem
beforeAll(async () => {
  system = await startTestSystem({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => system.stop())

interface Retried {
  retried: number
}

let tenants = 1100
/** A tenant with a DingTalk robot that tries once, and an inbox. */
async function newTenant() {
  const tenantId = String(tenants++)
  const robot = `robot-${tenantId}`
  const call = system.caller({ tenantId, sub: `operator of ${tenantId}` })
  const config = (fields = {}) =>
    createConfig(call, 'DINGTALK', {
      configJson: { mode: 'robot', accessToken: robot },
      retry: { max: 0, initialDelayMs: 50 },
      ...fields,
    })
  return {
    tenantId,
    robot,
    call,
    config,
    /** DingTalk refuses to work from now on. */
    outage: () => system.sandbox.client.addFault({ match: { token: robot }, fault: { kind: 'http', status: 500 } }),
    async send(fields: Record<string, unknown> = {}): Promise<string> {
      const { body } = await call<{ messageId: string }>('POST', '/api/messages', {
        businessType: 'ORDER',
        businessData: { orderNo: tenantId, userId: 'u1' },
        ...fields,
      })
      return body.messageId
    },
    final: (messageId: string) => finalMessage(call, messageId),
    retry: (messageId: string, body?: unknown) => call<Retried>('POST', `/api/messages/${messageId}/retry`, body),
    shown: async () => (await received(system.sandbox, robot)).filter(({ delivered }) => delivered).map(textOf),
    trace: async (messageId: string) => (await call<MessageTrace>('GET', `/api/messages/${messageId}/trace`)).body,
  }
}

test('after an outage of the provider: the same task goes out with its content; attempts and steps go on', async () => {
  const { call, config, outage, send, final, retry, shown, trace, tenantId } = await newTenant()
  await config()
  await createTemplate(call, 'ORDER', 'DINGTALK')
  const fault = await outage()
  const messageId = await send()
  const failed = await final(messageId)
  expect(failed).toMatchObject({ status: 'FAILED', errorCode: 'CHANNEL_ERROR' })
  await system.sandbox.client.removeFault(fault)

  expect(await retry(messageId)).toMatchObject({ status: 202, body: { retried: 1 } })
  const sent = await final(messageId)
  expect(sent).toMatchObject({ status: 'SUCCESS', errorCode: null, successChannels: 1, failedChannels: 0 })
  expect(sent.tasks).toMatchObject([{ id: failed.tasks[0]?.id, status: 'SUCCESS', errorCode: null, retryCount: 0 }])
  expect(Date.parse(sent.finishTime ?? '')).toBeGreaterThanOrEqual(Date.parse(failed.finishTime ?? ''))
  expect(await shown()).toEqual([`ORDER ${tenantId}`])
  const { steps, tasks } = await trace(messageId)
  expect(steps.at(-1)).toMatchObject({ step: 'retry', detail: 'sent again as it is: DINGTALK' })
  expect(tasks[0]?.attempts).toMatchObject([
    { attempt: 1, outcome: 'transient' },
    { attempt: 2, outcome: 'success' },
  ])
  expect(await retry(messageId)).toMatchObject({ status: 202, body: { retried: 0 } })
})

test('has its retries again: a provider that fails once more is tried again by itself', async () => {
  const { call, config, outage, send, final, retry, robot } = await newTenant()
  await config({ retry: { max: 1, initialDelayMs: 50 } })
  await createTemplate(call, 'ORDER', 'DINGTALK')
  const fault = await outage()
  const messageId = await send()
  expect(await final(messageId)).toMatchObject({ status: 'FAILED', tasks: [{ retryCount: 1 }] })
  await system.sandbox.client.removeFault(fault)
  const once = { match: { token: robot }, fault: { kind: 'http' as const, status: 500 }, times: 1 }
  await system.sandbox.client.addFault(once)
  await retry(messageId)
  expect(await final(messageId)).toMatchObject({ status: 'SUCCESS', tasks: [{ retryCount: 1 }] })
})

test('after the repair of a template: the message goes through the pipeline again, in the same task', async () => {
  const { call, config, send, final, retry, shown, trace } = await newTenant()
  await config()
  await createTemplate(call, 'ORDER', 'DINGTALK', { templateContent: '${nobodySentThis}' })
  const messageId = await send()
  const failed = await final(messageId)
  expect(failed).toMatchObject({ status: 'FAILED', errorCode: 'TEMPLATE_RENDER_FAILED' })
  const { body: list } = await call<Page<{ id: string }>>('GET', '/api/templates')
  const template = { businessType: 'ORDER', channelType: 'DINGTALK', messageType: 'TEXT', templateName: 'repaired' }
  await call('PUT', `/api/templates/${list.items[0]?.id}`, { ...template, templateContent: 'repaired ${orderNo}' })

  expect((await retry(messageId)).body).toEqual({ retried: 1 })
  const sent = await final(messageId)
  expect(sent).toMatchObject({ status: 'SUCCESS', errorCode: null, errorMessage: null, totalChannels: 1 })
  expect(sent.tasks).toMatchObject([{ id: failed.tasks[0]?.id, status: 'SUCCESS' }])
  expect(await shown()).toEqual([sent.tasks[0]?.renderedContent])
  expect(sent.tasks[0]?.renderedContent).toMatch(/^repaired /)
  const names = (await trace(messageId)).steps.map(({ step }) => step)
  expect(names.filter((name) => name === 'template-render')).toHaveLength(2)
  expect(names.indexOf('retry')).toBeLessThan(names.lastIndexOf('template-render'))
})

test('where nothing was configured: the message goes by what is configured now, on every channel', async () => {
  const { call, config, send, final, retry } = await newTenant()
  const messageId = await send()
  expect(await final(messageId)).toMatchObject({ status: 'FAILED', errorCode: 'CHANNEL_NOT_CONFIGURED', tasks: [] })
  await config()
  await createTemplate(call, 'ORDER', 'DINGTALK')
  await createConfig(call, 'LOCAL')
  await createTemplate(call, 'ORDER', 'LOCAL')
  expect((await retry(messageId)).body).toEqual({ retried: 1 })
  expect(await final(messageId)).toMatchObject({ status: 'SUCCESS', totalChannels: 2, successChannels: 2 })
})

test('where the config was replaced by another: the new one takes it', async () => {
  const { call, config, outage, send, final, retry } = await newTenant()
  const first = await config()
  await createTemplate(call, 'ORDER', 'DINGTALK')
  await outage()
  const messageId = await send()
  await final(messageId)
  await call('DELETE', `/api/channel-configs/${first.id}`)
  const second = await config({ configJson: { mode: 'robot', accessToken: `${first.id}-replaced` } })
  await retry(messageId)
  expect(await final(messageId)).toMatchObject({ status: 'SUCCESS', tasks: [{ channelConfigId: second.id }] })
})

test('an expired message fails again as EXPIRED', async () => {
  const { call, config, send, final, retry } = await newTenant()
  await config()
  await createTemplate(call, 'ORDER', 'DINGTALK')
  const messageId = await send({ attributes: { expiresAt: new Date(Date.now() - 1000).toISOString() } })
  await final(messageId)
  expect((await retry(messageId)).body).toEqual({ retried: 1 })
  expect(await final(messageId)).toMatchObject({ status: 'FAILED', errorCode: 'EXPIRED' })
})

describe('of several channels', () => {
  async function partial() {
    const tenant = await newTenant()
    await tenant.config()
    await createConfig(tenant.call, 'LOCAL')
    await createTemplate(tenant.call, 'ORDER', 'DINGTALK')
    await createTemplate(tenant.call, 'ORDER', 'LOCAL')
    const fault = await tenant.outage()
    const messageId = await tenant.send({ targetChannels: ['DINGTALK', 'WECHAT_WORK', 'LOCAL'] })
    const message = await tenant.final(messageId)
    await system.sandbox.client.removeFault(fault)
    expect(message).toMatchObject({ status: 'PARTIAL_SUCCESS', successChannels: 1, failedChannels: 2 })
    const [dingtalk, wecom, inbox] = message.tasks
    return { ...tenant, messageId, ids: [dingtalk?.id ?? '', wecom?.id ?? '', inbox?.id ?? ''] as const }
  }

  test('the failed ones go out, what arrived does not arrive twice', async () => {
    const { call, messageId, retry, final, shown } = await partial()
    await createConfig(call, 'WECHAT_WORK', { configJson: { mode: 'robot', key: `wecom-${messageId}` } })
    await createTemplate(call, 'ORDER', 'WECHAT_WORK')
    expect((await retry(messageId)).body).toEqual({ retried: 2 })
    expect(await final(messageId)).toMatchObject({ status: 'SUCCESS', successChannels: 3, failedChannels: 0 })
    expect(await shown()).toHaveLength(1)
    expect(await received(system.sandbox, `wecom-${messageId}`)).toHaveLength(1)
    const [rows] = await system.pool.query('SELECT id FROM msg_inbox WHERE message_id = ?', [messageId])
    expect(rows).toHaveLength(1)
  })

  test('taskIds picks: the others stay failed, and the status is that of all', async () => {
    const { messageId, ids, retry, final, shown } = await partial()
    const [dingtalk, , inbox] = ids
    // An id may come as a number, as everywhere.
    expect((await retry(messageId, { taskIds: [dingtalk, Number(inbox)] })).body).toEqual({ retried: 1 })
    expect(await final(messageId)).toMatchObject({
      status: 'PARTIAL_SUCCESS',
      errorCode: 'CHANNEL_NOT_CONFIGURED',
      successChannels: 2,
      failedChannels: 1,
      tasks: [{ status: 'SUCCESS' }, { status: 'FAILED' }, { status: 'SUCCESS' }],
    })
    expect(await shown()).toHaveLength(1)
  })

  test('an id that is none of its tasks is refused by name, and nothing is tried again', async () => {
    const [one, other] = [await partial(), await partial()]
    const { status, body } = await one.call('POST', `/api/messages/${one.messageId}/retry`, {
      taskIds: [one.ids[0], other.ids[0]],
    })
    expect(status).toBe(404)
    expect(body).toMatchObject({ errorCode: 'NOT_FOUND', details: [{ path: 'taskIds.1' }], messageId: one.messageId })
    expect((await one.retry(one.messageId, { taskIds: [] })).status).toBe(400)
    expect((await one.retry(one.messageId, { taskIds: ['x'] })).status).toBe(400)
    expect((await one.call<MessageDetail>('GET', `/api/messages/${one.messageId}`)).body.finishTime).not.toBeNull()
  })

  test('two operators at once have each of them tried once', async () => {
    const { messageId, ids, retry, final, shown } = await partial()
    const answers = await Promise.all(Array.from({ length: 5 }, () => retry(messageId, { taskIds: [ids[0]] })))
    expect(answers.map(({ body }) => body.retried).toSorted()).toEqual([0, 0, 0, 0, 1])
    await final(messageId)
    expect(await shown()).toHaveLength(1)
  })

  test('another tenant finds no message of that id', async () => {
    const { messageId } = await partial()
    const stranger = system.caller({ tenantId: '1' })
    for (const operation of ['retry', 'cancel', 'recall']) {
      expect((await stranger('POST', `/api/messages/${messageId}/${operation}`)).status).toBe(404)
    }
  })
})

test('is taken while Redis is away from the API, and comes to pass', async () => {
  const { call, config, outage, send, final, tenantId } = await newTenant()
  await config()
  await createTemplate(call, 'ORDER', 'DINGTALK')
  const fault = await outage()
  const messageId = await send()
  await final(messageId)
  await system.sandbox.client.removeFault(fault)
  const { url } = await system.startApi({ REDIS_URL: 'redis://127.0.0.1:1' }, '/health/live')
  const cutOff = createApiCaller(url, system.token({ tenantId }))
  // As curl does it: JSON announced, nothing sent.
  const headers = { 'content-type': 'application/json' }
  const answer = await cutOff<Retried>('POST', `/api/messages/${messageId}/retry`, undefined, headers)
  expect(answer).toMatchObject({ status: 202, body: { retried: 1 } })
  expect(await final(messageId)).toMatchObject({ status: 'SUCCESS' })
})

test('stands in the audit trail, with what was tried again', async () => {
  const { tenantId, call, send, final, retry } = await newTenant()
  const messageId = await send({ targetChannels: ['DINGTALK'] })
  const [task] = (await final(messageId)).tasks
  await retry(messageId)
  const { body } = await call<Page<object>>('GET', `/api/audit-logs?objectType=MESSAGE&objectId=${messageId}`)
  expect(body.items).toMatchObject([
    {
      action: 'RETRY',
      actor: `operator of ${tenantId}`,
      before: { status: 'FAILED', errorCode: 'CHANNEL_NOT_CONFIGURED' },
      after: { status: 'PROCESSING', throughPipelineAgain: [task?.id], sentAgain: [] },
    },
  ])
})
