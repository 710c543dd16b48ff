import type { MessageDetail } from '@message-center/core/contracts/messages.ts'
import { allFinal, received, sendMany, shownTexts, tasksOf } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

let system: TestSystem
beforeAll(async () => {
  system = await startTestSystem({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl'), workers: 3 })
})
afterAll(() => system.stop())

async function tenantWithLimit(tenantId: string, fields: Record<string, unknown>) {
  const call = system.caller({ tenantId })
  await createTemplate(call, 'ORDER', 'WECHAT_WORK')
  const configJson = { mode: 'robot', key: `robot-${tenantId}` }
  const config = await createConfig(call, 'WECHAT_WORK', { configJson, ...fields })
  return { call, tenantId, config, robot: configJson.key }
}

/** The most calls that any stretch of `windowMs` holds, wherever it begins. */
function densest(calls: { at: number }[], windowMs: number): number {
  const times = calls.map(({ at }) => at).toSorted((a, b) => a - b)
  return Math.max(...times.map((begin) => times.filter((at) => at >= begin && at < begin + windowMs).length))
}

test('REJECT: of 200 messages at once through 3 workers, a limit of 50 lets exactly 50 out', async () => {
  const { call, tenantId, robot } = await tenantWithLimit('401', { rateLimitCount: 50, rateLimitWindow: 60 })
  const posts = Array.from({ length: 20 }, (_, post) => sendMany(call, 'ORDER', `reject-${post}`, 10))
  await Promise.all(posts)
  expect(await allFinal(system.pool, tenantId)).toEqual({ SUCCESS: 50, FAILED: 150 })
  const tasks = await tasksOf(system.pool, tenantId)
  expect(tasks.filter((task) => task.error_code === 'RATE_LIMITED')).toHaveLength(150)
  expect(await received(system.sandbox, robot)).toHaveLength(50)
  expect((await shownTexts(system.sandbox, robot)).size).toBe(50)
})

test('DEFER: all are sent, each once, and no stretch of the window’s length holds more than the limit', async () => {
  const limit = { rateLimitCount: 10, rateLimitWindow: 1, overflowPolicy: 'DEFER' }
  const { call, tenantId, robot } = await tenantWithLimit('402', limit)
  await Promise.all(Array.from({ length: 6 }, (_, post) => sendMany(call, 'ORDER', `defer-${post}`, 10)))
  expect(await allFinal(system.pool, tenantId)).toEqual({ SUCCESS: 60 })
  const calls = await received(system.sandbox, robot)
  expect(calls).toHaveLength(60)
  expect((await shownTexts(system.sandbox, robot)).size).toBe(60)
  expect(densest(calls, 1_000)).toBeLessThanOrEqual(10)
})

test('DEFER keeps the order in which the messages came, and a wait can be seen', async () => {
  const limit = { rateLimitCount: 1, rateLimitWindow: 1, overflowPolicy: 'DEFER' }
  const { call, tenantId, robot } = await tenantWithLimit('403', limit)
  const expected: string[] = []
  for (let turn = 0; turn < 5; turn += 1) {
    const [id = ''] = await sendMany(call, 'ORDER', `turn-${turn}`, 1)
    expected.push(`ORDER ${id}`)
    await until('the message to have its place in the line', async () => {
      const { body } = await call<MessageDetail>('GET', `/api/messages/${id}`)
      return (
        body.tasks[0] &&
        (body.tasks[0].nextRetryTime !== null || body.finishTime !== null || body.tasks[0].status === 'SENDING')
      )
    })
  }
  expect(await allFinal(system.pool, tenantId)).toEqual({ SUCCESS: 5 })
  expect([...(await shownTexts(system.sandbox, robot)).keys()]).toEqual(expected)
  expect(densest(await received(system.sandbox, robot), 1_000)).toBe(1)
})

test('a retry takes a slot of its own, and waits for it instead of being refused', async () => {
  const fields = { rateLimitCount: 2, rateLimitWindow: 2, retry: { max: 3, initialDelayMs: 100 } }
  const { call, tenantId, robot } = await tenantWithLimit('404', fields)
  await system.sandbox.client.addFault({ match: { token: robot }, fault: { kind: 'http', status: 500 }, times: 2 })
  await sendMany(call, 'ORDER', 'retried', 2)
  expect(await allFinal(system.pool, tenantId)).toEqual({ SUCCESS: 2 })
  const calls = await received(system.sandbox, robot)
  expect(calls).toHaveLength(4)
  expect(densest(calls, 2_000)).toBe(2)
})

test.concurrent.each([
  ['405', 'a higher count', { rateLimitCount: 1000, rateLimitUnit: 'HOUR' }],
  ['406', 'a shorter window', { rateLimitCount: 5, rateLimitUnit: 'SECOND' }],
])('tenant %s: those who wait for hours learn soon of %s, and go in their order', async (tenantId, _, raised) => {
  const hourly = { rateLimitCount: 1, rateLimitWindow: 1, rateLimitUnit: 'HOUR', overflowPolicy: 'DEFER' }
  const { call, robot, config } = await tenantWithLimit(tenantId, hourly)
  await sendMany(call, 'ORDER', `waits-${tenantId}`, 12)
  await until('all but one to wait', async () => {
    const tasks = await tasksOf(system.pool, tenantId)
    return tasks.length === 12 && tasks.filter((task) => task.status === 'PENDING').length === 11
  })
  const { channelType, channelName, configJson } = config
  const body = { channelType, channelName, configJson, ...hourly, ...raised }
  expect(await call('PUT', `/api/channel-configs/${config.id}`, body)).toMatchObject({ status: 200 })
  expect(await allFinal(system.pool, tenantId)).toEqual({ SUCCESS: 12 })
  expect((await shownTexts(system.sandbox, robot)).size).toBe(12)
})
