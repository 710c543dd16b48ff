import type { MessageDetail, MessageTrace } from '@message-center/core/contracts/messages.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { allFinal, received, sendMany, tasksOf, textOf } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'

let system: TestSystem
beforeAll(async () => {
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: inject('redisUrl'),
    workers: 2,
    // A lease is as long as that and 5 s.
    variables: { SEND_TIMEOUT_MS: '2000' },
  })
})
afterAll(() => system.stop())

const MERGE = { rateLimitCount: 1, rateLimitWindow: 2, overflowPolicy: 'MERGE' }

async function newTenant(tenantId: string, fields: Record<string, unknown> = {}, channelType = 'WECHAT_WORK') {
  const call = system.caller({ tenantId })
  const robot = `merge-${tenantId}`
  const configJson =
    channelType === 'WECHAT_WORK' ? { mode: 'robot', key: robot } : { mode: 'robot', accessToken: robot }
  await createTemplate(call, 'ALERT', channelType)
  await createConfig(call, channelType, { configJson, ...MERGE, ...fields })
  return { call, tenantId, robot }
}

/** One message that takes the only slot: what follows has to wait. */
async function takeSlot({
  call,
  tenantId,
  robot,
}: {
  call: ApiCaller
  tenantId: string
  robot: string
}): Promise<void> {
  await sendMany(call, 'ALERT', `first-${tenantId}`, 1)
  await until('the slot to be taken', async () => (await received(system.sandbox, robot)).length === 1)
}

/** Posts a message and resolves when it has its place in the line: what follows comes after it. */
async function sendInTurn(call: ApiCaller, prefix: string, fields: Record<string, unknown>): Promise<void> {
  const [id] = await sendMany(call, 'ALERT', prefix, 1, fields)
  await until('the message to have its place in the line', async () => {
    const { body } = await call<MessageDetail>('GET', `/api/messages/${id}`)
    return body.tasks.length > 0
  })
}

async function traceOf(call: ApiCaller, messageId: string) {
  const { body } = await call<MessageTrace>('GET', `/api/messages/${messageId}/trace`)
  return body.tasks[0]?.attempts ?? []
}

const lines = (prefix: string, count: number) => Array.from({ length: count }, (_, n) => `ALERT ${prefix}-${n}`)

describe.concurrent('what waits for a slot', () => {
  test('goes out as one message, oldest first, and each task has its own status, response and trace', async () => {
    const tenant = await newTenant('701')
    await takeSlot(tenant)
    const ids = await sendMany(tenant.call, 'ALERT', 'twelve', 12)
    expect(await allFinal(system.pool, tenant.tenantId)).toEqual({ SUCCESS: 13 })
    const [, merged, ...more] = await received(system.sandbox, tenant.robot)
    expect(more).toEqual([])
    expect(merged && textOf(merged).split('\n')).toEqual(lines('twelve', 12))
    for (const id of ids) {
      const { body } = await tenant.call<MessageDetail>('GET', `/api/messages/${id}`)
      expect(body.tasks[0]).toMatchObject({
        status: 'SUCCESS',
        retryCount: 0,
        resultMessage: 'sent together with 11 others',
      })
      expect(body.tasks[0]?.thirdPartyResponse).toContain('"errcode":0')
      expect(await traceOf(tenant.call, id)).toMatchObject([
        { attempt: 1, outcome: 'success', detail: 'sent together with 11 others' },
      ])
    }
  })

  test('as many as the size limit takes; the rest goes with the next slot', async () => {
    const tenant = await newTenant('702')
    await takeSlot(tenant)
    // WeCom takes 2048 bytes: four of these, not five.
    const pad = 'x'.repeat(430)
    await sendMany(tenant.call, 'ALERT', `pad-${pad}`.slice(0, 60), 10, { businessData: { orderNo: pad } })
    expect(await allFinal(system.pool, tenant.tenantId)).toEqual({ SUCCESS: 11 })
    const [, ...merged] = await received(system.sandbox, tenant.robot)
    expect(merged.map((message) => textOf(message).split('\n').length)).toEqual([4, 4, 2])
    expect(merged.every(({ delivered }) => delivered)).toBe(true)
  })

  test('TEXT goes with TEXT and MARKDOWN with MARKDOWN, titles kept; links go alone', async () => {
    const tenant = await newTenant('703', {}, 'DINGTALK')
    const { call, robot } = tenant
    const template = (messageType: string, content: object) =>
      createTemplate(call, 'ALERT', 'DINGTALK', { messageType, templateContent: JSON.stringify(content) })
    await template('MARKDOWN', { title: 'Alert ${orderNo}', text: 'body ${orderNo}' })
    await template('LINK', { title: 'L', text: 'link ${orderNo}', url: 'https://example.com/' })
    await sendMany(call, 'ALERT', 'first', 1, { attributes: { messageType: 'TEXT' } })
    await until('the slot to be taken', async () => (await received(system.sandbox, robot)).length === 1)
    const types = ['TEXT', 'MARKDOWN', 'LINK', 'TEXT', 'MARKDOWN', 'LINK']
    for (const [turn, messageType] of types.entries()) {
      await sendInTurn(call, `t${turn}`, { attributes: { messageType, to: { userIds: [`u${turn}`] } } })
    }
    expect(await allFinal(system.pool, tenant.tenantId)).toEqual({ SUCCESS: 7 })
    const [, ...rest] = await received(system.sandbox, robot)
    const payloads = rest.map(({ payload }) => payload as Record<string, Record<string, unknown>>)
    const texts = payloads.filter(({ text }) => text)
    const markdowns = payloads.filter(({ markdown }) => markdown)
    expect(texts).toMatchObject([
      { text: { content: 'ALERT t0-0\nALERT t3-0\n@u0 @u3' }, at: { atUserIds: ['u0', 'u3'] } },
    ])
    expect(markdowns).toMatchObject([
      {
        markdown: {
          title: 'Alert t1-0',
          text: '#### Alert t1-0\nbody t1-0\n\n#### Alert t4-0\nbody t4-0\n\n@u1 @u4',
        },
      },
    ])
    expect(payloads.filter(({ link }) => link)).toHaveLength(2)
  })

  test('of an app: never together with what is for others', async () => {
    const call = system.caller({ tenantId: '704' })
    await createTemplate(call, 'ALERT', 'WECHAT_WORK')
    const app = { mode: 'app', corpId: 'corp-704', corpSecret: 'corp-secret-of-704', agentId: '704' }
    await createConfig(call, 'WECHAT_WORK', { configJson: app, ...MERGE })
    const to = (user: string) => ({ attributes: { to: { userIds: [user] } } })
    await sendMany(call, 'ALERT', 'app-first', 1, to('a'))
    await until('the slot to be taken', async () => (await received(system.sandbox, '704')).length === 1)
    for (const [turn, user] of ['a', 'b', 'a', 'b'].entries()) await sendInTurn(call, `app-${turn}`, to(user))
    expect(await allFinal(system.pool, '704')).toEqual({ SUCCESS: 5 })
    const [, ...rest] = await received(system.sandbox, '704')
    expect(rest.map((message) => [message.recipients.userIds, textOf(message).split('\n')])).toEqual([
      [['a'], ['ALERT app-0-0', 'ALERT app-2-0']],
      [['b'], ['ALERT app-1-0', 'ALERT app-3-0']],
    ])
  })
})

describe.concurrent('a merged message that fails', () => {
  test('for good: each goes alone then, and only the one at fault fails', async () => {
    const tenant = await newTenant('705', { rateLimitWindow: 1 })
    await takeSlot(tenant)
    const fault = { kind: 'errcode', errcode: 40058, errmsg: 'forbidden word' } as const
    await system.sandbox.client.addFault({ match: { token: tenant.robot, contentIncludes: 'poison-2' }, fault })
    const ids = await sendMany(tenant.call, 'ALERT', 'poison', 4)
    expect(await allFinal(system.pool, tenant.tenantId)).toEqual({ SUCCESS: 4, FAILED: 1 })
    const arrived = (await received(system.sandbox, tenant.robot)).filter(({ delivered }) => delivered)
    expect(new Set(arrived.slice(1).map(textOf))).toEqual(new Set([0, 1, 3].map((n) => `ALERT poison-${n}`)))
    const tasks = await tasksOf(system.pool, tenant.tenantId)
    expect(tasks.filter(({ status }) => status === 'FAILED')).toMatchObject([
      { message_id: 'poison-2', error_code: 'CHANNEL_ERROR', retry_count: 0 },
    ])
    expect(await traceOf(tenant.call, ids[0] ?? '')).toMatchObject([
      { outcome: 'split', providerCode: '40058', detail: expect.stringContaining('sent together with 3 others') },
      { outcome: 'success' },
    ])
  })

  test('for a passing reason: each is retried by its own count, and none is lost or doubled', async () => {
    const tenant = await newTenant('706', { rateLimitWindow: 1, retry: { max: 3, initialDelayMs: 300 } })
    await takeSlot(tenant)
    const match = { token: tenant.robot, contentIncludes: 'busy-' }
    await system.sandbox.client.addFault({ match, fault: { kind: 'http', status: 503 }, times: 1 })
    await sendMany(tenant.call, 'ALERT', 'busy', 6)
    expect(await allFinal(system.pool, tenant.tenantId)).toEqual({ SUCCESS: 7 })
    const arrived = (await received(system.sandbox, tenant.robot)).filter(({ delivered }) => delivered)
    expect(
      arrived
        .slice(1)
        .flatMap((message) => textOf(message).split('\n'))
        .sort(),
    ).toEqual(lines('busy', 6))
    const tasks = await tasksOf(system.pool, tenant.tenantId)
    expect(
      tasks.filter(({ message_id }) => message_id.startsWith('busy')).map(({ retry_count }) => retry_count),
    ).toEqual(Array.from({ length: 6 }, () => 1))
  })
})

test('with room for all nobody waits, and each goes alone', async () => {
  const tenant = await newTenant('707', { rateLimitCount: 20, rateLimitUnit: 'HOUR' })
  await sendMany(tenant.call, 'ALERT', 'room', 8)
  expect(await allFinal(system.pool, tenant.tenantId)).toEqual({ SUCCESS: 8 })
  expect(await received(system.sandbox, tenant.robot)).toHaveLength(8)
})

test('a worker that is killed in the middle of a merged send: all become final, none is lost', async () => {
  const tenant = await newTenant('708', { rateLimitWindow: 1 })
  await takeSlot(tenant)
  const match = { token: tenant.robot, contentIncludes: 'crash-' }
  await system.sandbox.client.addFault({ match, fault: { kind: 'hang' }, times: 1 })
  await sendMany(tenant.call, 'ALERT', 'crash', 5)
  await until('the merged send to hang', async () => (await received(system.sandbox, tenant.robot)).length > 1)
  await Promise.all(system.workers.map((worker) => worker.stop('SIGKILL')))
  await system.startWorker()
  expect(await allFinal(system.pool, tenant.tenantId, 90_000)).toEqual({ SUCCESS: 6 })
  const arrived = (await received(system.sandbox, tenant.robot)).filter(({ delivered }) => delivered)
  expect(new Set(arrived.slice(1).flatMap((message) => textOf(message).split('\n')))).toEqual(
    new Set(lines('crash', 5)),
  )
}, 120_000)
