import { LATEST_CHANGE_NUMBER } from '@message-center/core/configs/change.ts'
import type { MessageDetail } from '@message-center/core/contracts/messages.ts'
import { dispatchMessages } from '@message-center/core/messages/dispatch.ts'
import { type ChannelJob, channelJobId, type PipelineJob } from '@message-center/core/queues/jobs.ts'
import { allFinal, received, sendMany, shownTexts, tasksOf } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { planned, storePending } from '@message-center/devkit/testing/stored-messages.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import type { RowDataPacket } from 'mysql2'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'

let system: TestSystem
let redis: Redis
beforeAll(async () => {
  system = await startTestSystem({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl'), workers: 0 })
  redis = new Redis(system.variables.REDIS_URL ?? '', { maxRetriesPerRequest: null })
})
afterAll(async () => {
  redis.disconnect()
  await system.stop()
})

/** A tenant whose one robot is `robot-<tenantId>`. */
async function newTenant(tenantId: string, fields: Record<string, unknown> = {}) {
  const call = system.caller({ tenantId })
  await createTemplate(call, 'ORDER', 'WECHAT_WORK')
  await createConfig(call, 'WECHAT_WORK', { configJson: { mode: 'robot', key: `robot-${tenantId}` }, ...fields })
  return { call, tenantId, calls: () => received(system.sandbox, `robot-${tenantId}`) }
}

async function withQueue<T>(name: string, work: (queue: Queue) => Promise<T>): Promise<T> {
  const queue = new Queue(name, { connection: redis, prefix: system.variables.QUEUE_PREFIX ?? '' })
  try {
    return await work(queue)
  } finally {
    await queue.close()
  }
}

test('two workers started at once on a Redis that knows nothing send each stored message once', async () => {
  const { tenantId, calls } = await newTenant('801')
  await storePending(system.pool, 700, { tenantId })
  await Promise.all([system.startWorker(), system.startWorker()])
  expect(await allFinal(system.pool, tenantId)).toEqual({ SUCCESS: 700 })
  expect(await calls()).toHaveLength(700)
  expect((await shownTexts(system.sandbox, `robot-${tenantId}`)).size).toBe(700)
})

describe('jobs that come twice', () => {
  test('100 tasks with three jobs each, on two workers, are sent once each', async () => {
    const { call, tenantId, calls } = await newTenant('802', {
      rateLimitCount: 1,
      rateLimitUnit: 'HOUR',
      overflowPolicy: 'DEFER',
    })
    await sendMany(call, 'ORDER', 'thrice', 100)
    const tasks = await until('the tasks', async () => {
      const rows = await tasksOf(system.pool, tenantId)
      return rows.length === 100 && rows
    })
    const config = await call<{ items: { id: string }[] }>('GET', '/api/channel-configs')
    const body = {
      channelType: 'WECHAT_WORK',
      channelName: 'wide open',
      configJson: { mode: 'robot', key: `robot-${tenantId}` },
    }
    await call('PUT', `/api/channel-configs/${config.body.items[0]?.id}`, { ...body, rateLimitCount: 100_000 })
    await system.pool.query('UPDATE msg_channel_task SET next_retry_time = NULL WHERE tenant_id = ?', [tenantId])
    // Without it a worker may still know the narrow limit, and these jobs would wait for an hour.
    const changeNumber = await latestChangeNumber()
    await withQueue('channel.WECHAT_WORK', (queue) =>
      queue.addBulk(
        [7, 8, 9].flatMap((generation) =>
          tasks.map((task) => ({
            name: 'again',
            data: { ...jobOf(task), changeNumber },
            opts: { jobId: channelJobId(String(task.id), generation) },
          })),
        ),
      ),
    )
    expect(await allFinal(system.pool, tenantId)).toEqual({ SUCCESS: 100 })
    await queueToDrain('channel.WECHAT_WORK')
    expect(await calls()).toHaveLength(100)
  })

  test('a job of a task that has ended does nothing', async () => {
    const { call, tenantId, calls } = await newTenant('803')
    const [id = ''] = await sendMany(call, 'ORDER', 'ended', 1)
    const before = await finalMessage(call, id)
    const [task] = await tasksOf(system.pool, tenantId)
    await withQueue('channel.WECHAT_WORK', (queue) => queue.add('again', jobOf(task ?? {}), { jobId: 'late-job' }))
    await queueToDrain('channel.WECHAT_WORK')
    expect(await calls()).toHaveLength(1)
    expect(await finalMessage(call, id)).toEqual(before)
  })

  test('a pipeline job of a message that was dispatched does nothing', async () => {
    const { call, tenantId, calls } = await newTenant('804')
    const [id = ''] = await sendMany(call, 'ORDER', 'dispatched', 1)
    const { createTime } = await finalMessage(call, id)
    const data: PipelineJob = { tenantId, messages: [[id, createTime.slice(0, 19).replace('T', ' ')]] }
    await withQueue('pipeline', (queue) => queue.add('again', data))
    await queueToDrain('pipeline')
    expect(await calls()).toHaveLength(1)
    expect(await tasksOf(system.pool, tenantId)).toHaveLength(1)
  })
})

async function latestChangeNumber(): Promise<number> {
  const [rows] = await system.pool.query<RowDataPacket[]>(`SELECT ${LATEST_CHANGE_NUMBER} AS number`)
  return Number(rows[0]?.number)
}

function jobOf(task: { [column: string]: unknown }): ChannelJob {
  return {
    tenantId: String(task.tenant_id),
    messageId: String(task.message_id),
    channelType: String(task.channel_type),
    taskId: String(task.id),
    configId: String(task.channel_config_id),
    createTime: (task.create_time as Date).toISOString().slice(0, 19).replace('T', ' '),
  }
}

async function queueToDrain(name: string): Promise<void> {
  await withQueue(name, (queue) =>
    until(`${name} to be empty`, async () => {
      const { active = 0, waiting = 0, prioritized = 0 } = await queue.getJobCounts('active', 'waiting', 'prioritized')
      return active + waiting + prioritized === 0
    }),
  )
}

describe('what a dead worker left behind', () => {
  /** A message whose only task is being sent by somebody who will not come back, and that has no job any more. */
  async function leftSending(tenantId: string, { config = {}, attributes = {} } = {}) {
    const { call, calls } = await newTenant(tenantId, {
      rateLimitCount: 1,
      rateLimitUnit: 'HOUR',
      overflowPolicy: 'DEFER',
      ...config,
    })
    const ids = await sendMany(call, 'ORDER', `left-${tenantId}`, 2, { attributes })
    const task = await until('one to be sent, one to wait', async () => {
      const tasks = await tasksOf(system.pool, tenantId)
      return tasks.some(({ status }) => status === 'SUCCESS') && tasks.find(({ status }) => status === 'PENDING')
    })
    await system.pool.query(
      `UPDATE msg_channel_task SET status = 'SENDING', claim_token = 'of the dead', lease_until = UTC_TIMESTAMP() - INTERVAL 1 SECOND,
         next_retry_time = NULL WHERE id = ?`,
      [task.id],
    )
    await withQueue('channel.WECHAT_WORK', (queue) => queue.remove(channelJobId(String(task.id), task.generation)))
    await system.pool.query(
      "UPDATE msg_message SET due_time = UTC_TIMESTAMP() - INTERVAL 1 MINUTE WHERE tenant_id = ? AND status = 'PROCESSING'",
      [tenantId],
    )
    expect(ids).toContain(task.message_id)
    return { calls, final: () => finalMessage(call, task.message_id) }
  }

  test('in the middle of a send, where the config says FAIL: failed, not risked again', async () => {
    // The limit's window is over soon, so that nothing but the policy keeps the message back.
    const left = await leftSending('811', {
      config: { unknownOutcomePolicy: 'FAIL', rateLimitWindow: 2, rateLimitUnit: 'SECOND' },
    })
    const message = await left.final()
    expect(message).toMatchObject({ status: 'FAILED', errorCode: 'CHANNEL_ERROR' })
    expect(message.errorMessage).toContain('whether the message arrived is not known')
    expect(await left.calls()).toHaveLength(1)
  })

  test('in the middle of a send, where the config says RESEND: sent again', async () => {
    const left = await leftSending('812', { config: { rateLimitWindow: 2, rateLimitUnit: 'SECOND' } })
    expect(await left.final()).toMatchObject({ status: 'SUCCESS' })
    expect(await left.calls()).toHaveLength(2)
  })

  test('in the middle of a send, and the message expires meanwhile: EXPIRED', async () => {
    const expiresAt = new Date(Date.now() + 3_000).toISOString()
    const left = await leftSending('813', { attributes: { expiresAt } })
    const message = await left.final()
    expect(message).toMatchObject({ status: 'FAILED', errorCode: 'EXPIRED' })
    expect(message.errorMessage).toContain('whether an earlier attempt arrived is not known')
  })

  test('between the outcome of the last task and the message’s status: the reconciler finishes it', async () => {
    const { call, tenantId } = await newTenant('814')
    const [id = ''] = await sendMany(call, 'ORDER', 'unfinished', 1)
    const { tasks } = await finalMessage(call, id)
    await system.pool.query(
      `UPDATE msg_message SET status = 'PROCESSING', finish_time = NULL, success_channels = 0,
         due_time = UTC_TIMESTAMP() - INTERVAL 1 MINUTE WHERE tenant_id = ?`,
      [tenantId],
    )
    const { body: open } = await call<MessageDetail>('GET', `/api/messages/${id}`)
    expect(open.tasks).toEqual(tasks)
    expect(await finalMessage(call, id)).toMatchObject({ status: 'SUCCESS', successChannels: 1, failedChannels: 0 })
  })
})

test('tasks of a channel whose adapter was taken out fail, and say why', async () => {
  const tenantId = '807'
  const acceptedAt = new Date(Date.now() - 3_600_000)
  const [ref] = await storePending(system.pool, 1, { tenantId, acceptedAt })
  if (!ref) throw new Error('nothing was stored')
  await dispatchMessages(system.pool, [planned(ref, [{ channelType: 'GONE' }])])
  await system.pool.query('UPDATE msg_message SET due_time = ? WHERE tenant_id = ?', [acceptedAt, tenantId])
  expect(await finalMessage(system.caller({ tenantId }), ref.messageId)).toMatchObject({
    status: 'FAILED',
    tasks: [{ channelType: 'GONE', errorCode: 'VALIDATION_FAILED' }],
  })
})
