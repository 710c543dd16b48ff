import type { MessageDetail } from '@message-center/core/contracts/messages.ts'
import { channelJobId } from '@message-center/core/queues/jobs.ts'
import { received, textOf } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'

let system: TestSystem
let redis: Redis
beforeAll(async () => {
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: inject('redisUrl'),
    variables: { SEND_TIMEOUT_MS: '1500' },
  })
  redis = new Redis(system.variables.REDIS_URL ?? '')
})
afterAll(async () => {
  redis.disconnect()
  await system.stop()
})

/** Of a task's first job. */
const jobKey = (taskId: string) => `${system.variables.QUEUE_PREFIX}:channel.WECHAT_WORK:${channelJobId(taskId, 0)}`

let tenants = 1200
/** A tenant with a WeCom robot. */
async function newTenant(fields: Record<string, unknown> = {}) {
  const tenantId = String(tenants++)
  const robot = `robot-${tenantId}`
  const call = system.caller({ tenantId })
  await createConfig(call, 'WECHAT_WORK', { configJson: { mode: 'robot', key: robot }, ...fields })
  await createTemplate(call, 'ORDER', 'WECHAT_WORK')
  const detail = async (messageId: string) => (await call<MessageDetail>('GET', `/api/messages/${messageId}`)).body
  return {
    call,
    robot,
    detail,
    async send(orderNo: string, attributes = {}): Promise<string> {
      const body = { businessType: 'ORDER', businessData: { orderNo, userId: 'u1' }, attributes }
      return (await call<{ messageId: string }>('POST', '/api/messages', body)).body.messageId
    },
    final: (messageId: string) => finalMessage(call, messageId),
    cancel: (messageId: string) => call('POST', `/api/messages/${messageId}/cancel`),
    /** Resolves with the task once it is as wanted. */
    task: (messageId: string, wanted: (task: MessageDetail['tasks'][number]) => unknown) =>
      until('the task to be as wanted', async () => {
        const [task] = (await detail(messageId)).tasks
        return task && wanted(task) ? task : undefined
      }),
    shown: async () => (await received(system.sandbox, robot)).map(textOf),
    hasJob: async (taskId: string) => (await redis.exists(jobKey(taskId))) === 1,
  }
}

/** One message goes out, the next waits for the slot after the next hour. */
const ONE_AN_HOUR = { rateLimitCount: 1, rateLimitWindow: 1, rateLimitUnit: 'HOUR', overflowPolicy: 'DEFER' }

test('a message that waits for its sendAt is not sent when that comes; each channel has its task', async () => {
  const { call, send, cancel, final, detail, shown } = await newTenant()
  await createConfig(call, 'LOCAL')
  await createTemplate(call, 'ORDER', 'LOCAL')
  const sendAt = { sendAt: new Date(Date.now() + 3_000).toISOString() }
  const cancelled = await send('cancelled', sendAt)
  const sent = await send('sent', sendAt)
  expect(await cancel(cancelled)).toMatchObject({ status: 200, body: { cancelled: 2 } })
  const before = await detail(cancelled)
  expect(before).toMatchObject({
    status: 'FAILED',
    errorCode: 'CANCELLED',
    totalChannels: 2,
    failedChannels: 2,
    tasks: [{ errorCode: 'CANCELLED' }, { errorCode: 'CANCELLED' }],
  })
  expect(await cancel(cancelled)).toMatchObject({ status: 200, body: { cancelled: 0 } })
  await final(sent)
  expect(await shown()).toEqual(['ORDER sent'])
  expect(await detail(cancelled)).toEqual(before)
})

test('a task that waits for its next try is dropped, with its job', async () => {
  const { robot, send, cancel, task, detail, shown, hasJob } = await newTenant({
    retry: { max: 3, initialDelayMs: 60_000 },
  })
  await system.sandbox.client.addFault({ match: { token: robot }, fault: { kind: 'http', status: 500 } })
  const messageId = await send('retried')
  const waiting = await task(messageId, ({ status }) => status === 'RETRY')
  expect(await hasJob(waiting.id)).toBe(true)
  expect(await cancel(messageId)).toMatchObject({ body: { cancelled: 1 } })
  expect(await detail(messageId)).toMatchObject({
    status: 'FAILED',
    errorCode: 'CANCELLED',
    finishTime: expect.any(String),
    tasks: [{ status: 'FAILED', nextRetryTime: null, retryCount: 1 }],
  })
  expect(await hasJob(waiting.id)).toBe(false)
  expect(await shown()).toHaveLength(1)
})

test('a task that waits for its slot gives back its place in the line, and can be taken up again', async () => {
  const { call, send, cancel, final, task, hasJob } = await newTenant(ONE_AN_HOUR)
  await final(await send('first'))
  const dropped = await send('dropped')
  const place = (await task(dropped, ({ nextRetryTime }) => nextRetryTime !== null)).nextRetryTime ?? ''
  expect(await cancel(dropped)).toMatchObject({ body: { cancelled: 1 } })
  const next = await task(await send('next'), ({ nextRetryTime }) => nextRetryTime !== null)
  // Behind the dropped one it would be an hour later.
  expect(Math.abs(Date.parse(next.nextRetryTime ?? '') - Date.parse(place))).toBeLessThan(60_000)
  expect((await call('POST', `/api/messages/${dropped}/retry`)).body).toEqual({ retried: 1 })
  const again = await task(dropped, ({ nextRetryTime }) => nextRetryTime !== null)
  expect(Date.parse(again.nextRetryTime ?? '')).toBeGreaterThan(Date.parse(place) + 3_000_000)
  expect(await hasJob(again.id)).toBe(false)
})

test('without Redis it is dropped all the same: the job that comes later finds it final', async () => {
  const { robot, send, detail, task, shown, cancel } = await newTenant({ retry: { max: 3, initialDelayMs: 2_000 } })
  await system.sandbox.client.addFault({ match: { token: robot }, fault: { kind: 'http', status: 500 }, times: 1 })
  const messageId = await send('without')
  const waiting = await task(messageId, ({ status }) => status === 'RETRY')
  // As if Redis had not been reached: the job stays.
  await system.pool.query(`UPDATE msg_channel_task SET generation = 9 WHERE id = ?`, [waiting.id])
  expect(await cancel(messageId)).toMatchObject({ body: { cancelled: 1 } })
  expect(
    await until('the job to have run', () =>
      redis.hget(jobKey(waiting.id), 'returnvalue').then((value) => value ?? undefined),
    ),
  ).toBe('"was FAILED already"')
  expect(await shown()).toHaveLength(1)
  expect(await detail(messageId)).toMatchObject({ status: 'FAILED', errorCode: 'CANCELLED' })
})

describe('what is being sent at the moment', () => {
  async function hanging(fields = {}) {
    const tenant = await newTenant({ retry: { max: 3, initialDelayMs: 50 }, ...fields })
    return {
      ...tenant,
      async sendHanging(fault: { kind: 'hang' } | { kind: 'slow'; ms: number }): Promise<string> {
        await system.sandbox.client.addFault({ match: { token: tenant.robot }, fault })
        const messageId = await tenant.send('held')
        await tenant.task(messageId, ({ status }) => status === 'SENDING')
        return messageId
      },
    }
  }

  test('is not cancelled, and may arrive', async () => {
    const { sendHanging, cancel, final } = await hanging()
    const messageId = await sendHanging({ kind: 'slow', ms: 700 })
    expect(await cancel(messageId)).toMatchObject({ status: 200, body: { cancelled: 0 } })
    expect(await final(messageId)).toMatchObject({ status: 'SUCCESS', tasks: [{ status: 'SUCCESS' }] })
  })

  test('is not tried again where it fails', async () => {
    const { sendHanging, cancel, final, shown } = await hanging()
    const messageId = await sendHanging({ kind: 'hang' })
    expect(await cancel(messageId)).toMatchObject({ body: { cancelled: 0 } })
    const message = await final(messageId)
    expect(message).toMatchObject({ status: 'FAILED', errorCode: 'CANCELLED' })
    expect(message.errorMessage).toMatch(/^CANCELLED: not tried again after CHANNEL_ERROR: TIMEOUT/)
    expect(await shown()).toHaveLength(1)
  })

  test('is not sent a second time where its worker dies', async () => {
    const { sendHanging, cancel, final, detail, shown } = await hanging()
    const messageId = await sendHanging({ kind: 'hang' })
    await until('the call', async () => (await shown()).length === 1)
    await system.workers.at(-1)?.stop('SIGKILL')
    expect(await cancel(messageId)).toMatchObject({ body: { cancelled: 0 } })
    // Its lease and its job's lock need not be waited for.
    const [task] = (await detail(messageId)).tasks
    await system.pool.query('UPDATE msg_channel_task SET lease_until = UTC_TIMESTAMP(3) WHERE id = ?', [task?.id])
    await system.pool.query('UPDATE msg_message SET due_time = due_time - INTERVAL 1 HOUR WHERE message_id = ?', [
      messageId,
    ])
    await redis.del(jobKey(task?.id ?? ''))
    await system.startWorker()
    const message = await final(messageId)
    expect(message).toMatchObject({ status: 'FAILED', errorCode: 'CANCELLED' })
    expect(message.errorMessage).toMatch(/whether the message arrived is not known/)
    expect(await shown()).toHaveLength(1)
  })
})

test('what has arrived stays: nothing is cancelled, the message is as it was', async () => {
  const { call, send, cancel, final, detail } = await newTenant()
  const messageId = await send('arrived')
  const before = await final(messageId)
  expect(await cancel(messageId)).toMatchObject({ status: 200, body: { cancelled: 0 } })
  expect(await detail(messageId)).toEqual(before)
  const { body } = await call<{ items: object[] }>('GET', `/api/audit-logs?objectType=MESSAGE&objectId=${messageId}`)
  expect(body.items).toEqual([])
})
