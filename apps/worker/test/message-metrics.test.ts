import { sendMany } from '@message-center/devkit/testing/deliveries.ts'
import {
  createConfig,
  createTemplate,
  finalMessage,
  setUpAllChannels,
} from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

let system: TestSystem
beforeAll(async () => {
  system = await startTestSystem({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => system.stop())

/** All series of the API and the worker, summed, without the prefix of their names. */
async function series(): Promise<Record<string, number>> {
  const sums: Record<string, number> = {}
  for (const { url } of [...system.apis, ...system.workers]) {
    for (const line of (await (await fetch(`${url}/metrics`)).text()).split('\n')) {
      const [, name, value] = /^message_center_(\S+) (\S+)$/.exec(line) ?? []
      if (name !== undefined) sums[name] = (sums[name] ?? 0) + Number(value)
    }
  }
  return sums
}

test('whatever way a message goes, it counts once when it is accepted and once when it is final, and so do its tasks', async () => {
  const one = system.caller({ tenantId: '1' })
  await setUpAllChannels(one, 'ORDER')
  const delivered = await sendMany(one, 'ORDER', 'delivered', 3)
  // Ends in the pipeline, at its first step or on the way.
  const expired = await sendMany(one, 'ORDER', 'expired', 1, {
    targetChannels: ['LOCAL'],
    attributes: {
      sendAt: new Date(Date.now() + 1_000).toISOString(),
      expiresAt: new Date(Date.now() + 1_001).toISOString(),
    },
  })
  const unknown = await sendMany(one, 'NO_TEMPLATE', 'unknown', 2, { targetChannels: ['LOCAL'] })

  const robot = async (tenantId: string, fields: object) => {
    const call = system.caller({ tenantId })
    const configJson = { mode: 'robot', key: `robot-${tenantId}` }
    await createConfig(call, 'WECHAT_WORK', { configJson, rateLimitCount: 1, ...fields })
    await createTemplate(call, 'ORDER', 'WECHAT_WORK')
    return { call, ids: await sendMany(call, 'ORDER', `of-${tenantId}`, 2) }
  }
  const refused = await robot('2', { rateLimitWindow: 1, rateLimitUnit: 'HOUR', overflowPolicy: 'REJECT' })
  const waits = await robot('3', { rateLimitWindow: 3, rateLimitUnit: 'SECOND', overflowPolicy: 'DEFER' })
  for (const id of [...delivered, ...expired, ...unknown]) await finalMessage(one, id)
  for (const { call, ids } of [refused, waits]) for (const id of ids) await finalMessage(call, id)

  const sums = await until('the last one to be counted', async () => {
    const found = await series()
    const finished = Object.entries(found).filter(([name]) => name.startsWith('messages_finished_total'))
    return finished.reduce((sum, [, value]) => sum + value, 0) === 10 && found
  })
  expect(sums).toMatchObject({
    messages_accepted_total: 10,
    'messages_finished_total{status="SUCCESS"}': 6,
    'messages_finished_total{status="FAILED"}': 4,
    'tasks_finished_total{channel="LOCAL",outcome="success"}': 3,
    'tasks_finished_total{channel="LOCAL",outcome="expired"}': 1,
    'tasks_finished_total{channel="LOCAL",outcome="template_not_found"}': 2,
    'tasks_finished_total{channel="WECHAT_WORK",outcome="success"}': 6,
    'tasks_finished_total{channel="WECHAT_WORK",outcome="rate_limited"}': 1,
    'rate_limit_rejections_total{channel="WECHAT_WORK"}': 1,
    'delivery_seconds_count{channel="WECHAT_WORK",held="no"}': 5,
    'delivery_seconds_count{channel="WECHAT_WORK",held="yes"}': 1,
    'delivery_seconds_count{channel="LOCAL",held="no"}': 3,
    'tenant_messages_accepted_total{tenant="other"}': 10,
    'http_request_seconds_count{method="POST",route="/api/messages/batch",status="2xx"}': 5,
  })
  expect(sums['rate_limit_wait_seconds_count{channel="WECHAT_WORK"}']).toBeGreaterThan(0)
  // What waited on purpose is not late; without the limit it would have been sent at once.
  expect(sums['delivery_seconds_sum{channel="WECHAT_WORK",held="yes"}']).toBeGreaterThan(1)
})

test('a path that is no route, whatever its method, becomes no label of its own', async () => {
  for (const path of ['/api/nothing/1', '/api/nothing/2']) await system.caller()('REPORT', path)
  const requests = Object.keys(await series()).filter((name) => name.startsWith('http_request_seconds_count'))
  expect(requests.filter((name) => /REPORT|nothing/.test(name))).toEqual([])
  expect(requests).toContain('http_request_seconds_count{method="none",route="none",status="4xx"}')
})
