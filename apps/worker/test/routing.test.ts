import type { MessageDetail } from '@message-center/core/contracts/messages.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { received, sendMany, tasksOf } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'

let system: TestSystem
beforeAll(async () => {
  system = await startTestSystem({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => system.stop())

let tenants = 200
/** A tenant with a WECHAT_WORK template, whose configs are told apart by their robots' keys. */
async function newTenant() {
  const tenantId = String(tenants++)
  const call = system.caller({ tenantId })
  await createTemplate(call, 'ORDER', 'WECHAT_WORK')
  const key = (name: string) => `${tenantId}-${name}`
  return {
    tenantId,
    call,
    config: (name: string, fields: Record<string, unknown> = {}) =>
      createConfig(call, 'WECHAT_WORK', {
        channelName: name,
        configJson: { mode: 'robot', key: key(name) },
        ...fields,
      }),
    async post(fields: Record<string, unknown> = {}): Promise<string> {
      const message = { businessType: 'ORDER', businessData: { orderNo: 'A-1' }, ...fields }
      const { body } = await call<{ messageId: string }>('POST', '/api/messages', message)
      return body.messageId
    },
    async sent(fields: Record<string, unknown> = {}): Promise<MessageDetail> {
      return finalMessage(call, await this.post(fields))
    },
    arrivedAt: async (name: string) =>
      (await received(system.sandbox, key(name))).filter(({ delivered }) => delivered).length,
  }
}

function utcHours(fromNow: number, toNow: number) {
  const hour = new Date().getUTCHours()
  return {
    timeWindowEnabled: true,
    timeWindowStartHour: (hour + fromNow + 24) % 24,
    timeWindowEndHour: (hour + toNow + 24) % 24,
  }
}
const CLOSED = utcHours(3, 5)
const OPEN = utcHours(-3, 3)
const inUtc = (call: ApiCaller) => call('PUT', '/api/system-configs/timeZone', { value: 'UTC' })

describe('a store and its tenant', () => {
  test('a store’s configs replace the tenant’s; other stores, and messages without one, have the tenant’s', async () => {
    const tenant = await newTenant()
    await tenant.config('of-tenant')
    await tenant.config('of-store', { storeId: '7', priority: 9 })
    await tenant.sent({ storeId: 7 })
    expect([await tenant.arrivedAt('of-store'), await tenant.arrivedAt('of-tenant')]).toEqual([1, 0])
    await tenant.sent({ storeId: 8 })
    await tenant.sent()
    expect([await tenant.arrivedAt('of-store'), await tenant.arrivedAt('of-tenant')]).toEqual([1, 2])
  })

  test('what a store does not have of a channel type comes from the tenant, its disabled configs included', async () => {
    const tenant = await newTenant()
    await tenant.config('of-tenant')
    await tenant.config('of-store', { storeId: '7', enabled: false })
    await createConfig(tenant.call, 'LOCAL', { storeId: '7' })
    await createTemplate(tenant.call, 'ORDER', 'LOCAL')
    const message = await tenant.sent({ storeId: 7, businessData: { orderNo: 1, userId: 'u1' } })
    expect(message).toMatchObject({ status: 'SUCCESS', totalChannels: 2 })
    expect(await tenant.arrivedAt('of-tenant')).toBe(1)
  })
})

describe('several configs of one channel', () => {
  test('the smallest priority is sent to; the next one takes what the first has no room for', async () => {
    const tenant = await newTenant()
    await tenant.config('second', { priority: 2 })
    await tenant.config('first', { priority: 1, rateLimitCount: 2, rateLimitUnit: 'HOUR' })
    for (let count = 0; count < 3; count += 1) expect(await tenant.sent()).toMatchObject({ status: 'SUCCESS' })
    expect([await tenant.arrivedAt('first'), await tenant.arrivedAt('second')]).toEqual([2, 1])
  })

  test('one that is closed now is passed over', async () => {
    const tenant = await newTenant()
    await inUtc(tenant.call)
    await tenant.config('closed', { priority: 1, ...CLOSED, timeWindowPolicy: 'DEFER' })
    await tenant.config('open', { priority: 2, ...OPEN })
    expect(await tenant.sent()).toMatchObject({ status: 'SUCCESS', totalChannels: 1 })
    expect([await tenant.arrivedAt('closed'), await tenant.arrivedAt('open')]).toEqual([0, 1])
  })

  test('configs of equal priority are a pool: their room adds up, and the one with most room takes it', async () => {
    const tenant = await newTenant()
    await tenant.config('small', { rateLimitCount: 5, rateLimitUnit: 'HOUR' })
    await tenant.config('large', { rateLimitCount: 15, rateLimitUnit: 'HOUR' })
    const [first] = await sendMany(tenant.call, 'ORDER', `pool-${tenant.tenantId}`, 1)
    await finalMessage(tenant.call, first ?? '')
    expect(await tenant.arrivedAt('large')).toBe(1)
    const rest = await sendMany(tenant.call, 'ORDER', `rest-${tenant.tenantId}`, 20)
    await Promise.all(rest.map((id) => finalMessage(tenant.call, id)))
    expect([await tenant.arrivedAt('small'), await tenant.arrivedAt('large')]).toEqual([5, 15])
    const refused = (await tasksOf(system.pool, tenant.tenantId)).filter((task) => task.status === 'FAILED')
    expect(refused.map((task) => task.error_code)).toEqual(['RATE_LIMITED'])
  })
})

describe('time windows', () => {
  test('count in the tenant’s zone, as it is now', async () => {
    const tenant = await newTenant()
    await tenant.config('hours', OPEN)
    await inUtc(tenant.call)
    expect(await tenant.sent()).toMatchObject({ status: 'SUCCESS' })
    await tenant.call('PUT', '/api/system-configs/timeZone', { value: 'Etc/GMT-12' })
    await until('the other zone to count', async () => (await tenant.sent()).errorCode === 'OUTSIDE_TIME_WINDOW')
  })

  test('DEFER waits visibly for the opening, however many messages, and takes nothing of the rate limit meanwhile', async () => {
    const tenant = await newTenant()
    await inUtc(tenant.call)
    await tenant.config('later', { ...CLOSED, timeWindowPolicy: 'DEFER', rateLimitCount: 2, rateLimitUnit: 'HOUR' })
    const ids = await sendMany(tenant.call, 'ORDER', `defer-${tenant.tenantId}`, 5)
    const opening = new Date()
    opening.setUTCHours(opening.getUTCHours() + 3, 0, 0, 0)
    for (const id of ids) {
      const message = await until('the task', async () => {
        const { body } = await tenant.call<MessageDetail>('GET', `/api/messages/${id}`)
        return body.tasks.length > 0 && body
      })
      expect(message).toMatchObject({ status: 'PROCESSING', totalChannels: 1, finishTime: null })
      expect(message.tasks[0]).toMatchObject({ status: 'PENDING', nextRetryTime: opening.toISOString() })
    }
    expect(await tenant.arrivedAt('later')).toBe(0)
  })

  test('a retry after closing time is not sent: it waits, or fails, as the config says', async () => {
    const [waiting, refusing] = [await newTenant(), await newTenant()]
    const retry = { retry: { max: 3, initialDelayMs: 3_000 } }
    const policies = [
      [waiting, 'DEFER'],
      [refusing, 'REJECT'],
    ] as const
    const messages = policies.map(async ([tenant, timeWindowPolicy]) => {
      await inUtc(tenant.call)
      const { id, configJson } = await tenant.config('shop', { ...OPEN, timeWindowPolicy, ...retry })
      const token = `${tenant.tenantId}-shop`
      await system.sandbox.client.addFault({ match: { token }, fault: { kind: 'http', status: 503 }, times: 1 })
      const messageId = await tenant.post()
      await until('the first attempt', async () => (await received(system.sandbox, token)).length > 0)
      const body = {
        channelType: 'WECHAT_WORK',
        channelName: 'shop',
        configJson,
        ...CLOSED,
        timeWindowPolicy,
        ...retry,
      }
      expect(await tenant.call('PUT', `/api/channel-configs/${id}`, body)).toMatchObject({ status: 200 })
      return { tenant, messageId }
    })
    const [deferred, rejected] = await Promise.all(messages)
    if (!deferred || !rejected) throw new Error('two messages')
    const failed = await finalMessage(rejected.tenant.call, rejected.messageId)
    expect(failed).toMatchObject({ errorCode: 'OUTSIDE_TIME_WINDOW', tasks: [{ retryCount: 1 }] })
    const later = Date.now() + 3_600_000
    const waits = await until('the retry to wait for the opening', async () => {
      const { body } = await deferred.tenant.call<MessageDetail>('GET', `/api/messages/${deferred.messageId}`)
      return Date.parse(body.tasks[0]?.nextRetryTime ?? '') > later && body
    })
    expect(waits).toMatchObject({ status: 'PROCESSING', tasks: [{ status: 'RETRY', retryCount: 1 }] })
    expect([await waiting.arrivedAt('shop'), await refusing.arrivedAt('shop')]).toEqual([0, 0])
  })
})
