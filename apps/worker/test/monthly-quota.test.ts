import type { ChannelConfig } from '@message-center/core/contracts/channel-configs.ts'
import { allFinal, received, sendMany, tasksOf } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

let system: TestSystem
beforeAll(async () => {
  system = await startTestSystem({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl'), workers: 2 })
})
afterAll(() => system.stop())

async function newTenant(tenantId: string) {
  const call = system.caller({ tenantId })
  await createTemplate(call, 'ORDER', 'WECHAT_WORK')
  const robot = (name: string) => `${tenantId}-${name}`
  return {
    call,
    tenantId,
    config: (name: string, fields: Record<string, unknown>) =>
      createConfig(call, 'WECHAT_WORK', {
        channelName: name,
        configJson: { mode: 'robot', key: robot(name) },
        ...fields,
      }),
    received: (name: string) => received(system.sandbox, robot(name)),
    robot,
    quota: async ({ id }: ChannelConfig) => (await call<ChannelConfig>('GET', `/api/channel-configs/${id}`)).body.quota,
  }
}

const month = new Intl.DateTimeFormat('sv', { timeZone: 'Asia/Shanghai', year: 'numeric', month: '2-digit' }).format(
  new Date(),
)

test('exactly as many go out as a month allows, retries included; what is beyond is RATE_LIMITED and says why', async () => {
  const tenant = await newTenant('801')
  const fields = { monthlyQuota: 6, retry: { max: 3, initialDelayMs: 50 } }
  const config = await tenant.config('limited', fields)
  expect(config.quota).toEqual({ month, used: 0 })
  const fault = { kind: 'http', status: 503 } as const
  await system.sandbox.client.addFault({ match: { token: tenant.robot('limited') }, fault, times: 2 })
  await sendMany(tenant.call, 'ORDER', 'retried', 2)
  await allFinal(system.pool, tenant.tenantId)
  await sendMany(tenant.call, 'ORDER', 'more', 8)
  expect(await allFinal(system.pool, tenant.tenantId)).toEqual({ SUCCESS: 4, FAILED: 6 })
  expect(await tenant.received('limited')).toHaveLength(6)
  const failed = (await tasksOf(system.pool, tenant.tenantId)).filter(({ status }) => status === 'FAILED')
  for (const task of failed) {
    expect(task).toMatchObject({ error_code: 'RATE_LIMITED', result_message: expect.stringContaining('6 a month') })
  }
  expect(await tenant.quota(config)).toEqual({ month, used: 6 })
})

test('the next config takes over; one that lets messages wait does not let them wait for a month', async () => {
  const tenant = await newTenant('802')
  const first = await tenant.config('first', { priority: 1, monthlyQuota: 2, overflowPolicy: 'DEFER' })
  await tenant.config('second', { priority: 2, monthlyQuota: 3, overflowPolicy: 'DEFER' })
  await sendMany(tenant.call, 'ORDER', 'standby', 6)
  expect(await allFinal(system.pool, tenant.tenantId)).toEqual({ SUCCESS: 5, FAILED: 1 })
  expect([(await tenant.received('first')).length, (await tenant.received('second')).length]).toEqual([2, 3])
  expect(await tenant.quota(first)).toEqual({ month, used: 2 })
})

test('a merged message counts once, a test of the config as well; the metrics tell used and quota', async () => {
  const tenant = await newTenant('803')
  const fields = { monthlyQuota: 10, rateLimitCount: 1, rateLimitWindow: 2, overflowPolicy: 'MERGE' }
  const config = await tenant.config('merged', fields)
  await sendMany(tenant.call, 'ORDER', 'one', 1)
  await until('the slot to be taken', async () => (await tenant.received('merged')).length === 1)
  await sendMany(tenant.call, 'ORDER', 'several', 15)
  expect(await allFinal(system.pool, tenant.tenantId)).toEqual({ SUCCESS: 16 })
  const probe = { messageType: 'TEXT', content: 'test' }
  expect(await tenant.call('POST', `/api/channel-configs/${config.id}/test`, probe)).toMatchObject({ status: 200 })
  expect(await tenant.received('merged')).toHaveLength(3)
  expect(await tenant.quota(config)).toEqual({ month, used: 3 })
  for (const { url } of system.workers) {
    const metrics = await (await fetch(`${url}/metrics`)).text()
    const labels = `{channel="WECHAT_WORK",config="${config.id}"}`
    expect(metrics).toContain(`message_center_monthly_quota_used${labels} 3\n`)
    expect(metrics).toContain(`message_center_monthly_quota${labels} 10\n`)
  }
})

test('what has been sent still counts when Redis has forgotten it', async () => {
  const tenant = await newTenant('804')
  await tenant.config('kept', { monthlyQuota: 3 })
  await sendMany(tenant.call, 'ORDER', 'before', 3)
  await allFinal(system.pool, tenant.tenantId)
  const redis = new Redis(inject('redisUrl'))
  const keys = await redis.keys(`${system.variables.QUEUE_PREFIX}:rate:*`)
  await redis.del(...keys)
  redis.disconnect()
  // A process that has never heard of the config has nothing cached.
  await Promise.all(system.workers.map((worker) => worker.stop('SIGTERM')))
  await system.startWorker()
  await sendMany(tenant.call, 'ORDER', 'after', 2)
  expect(await allFinal(system.pool, tenant.tenantId)).toEqual({ SUCCESS: 3, FAILED: 2 })
  expect(await tenant.received('kept')).toHaveLength(3)
})
