import { claimTasks } from '@message-center/core/messages/claim-tasks.ts'
import { dispatchMessages } from '@message-center/core/messages/dispatch.ts'
import { lookAgainAt } from '@message-center/core/messages/overdue.ts'
import { recordOutcomes } from '@message-center/core/messages/record-outcomes.ts'
import { retryMessages } from '@message-center/core/messages/retry-messages.ts'
import { createQueues, type Queues } from '@message-center/core/queues/queues.ts'
import { createPatientRedis, type RedisConnection } from '@message-center/core/queues/redis.ts'
import { SETTINGS, type Settings } from '@message-center/core/settings/definitions.ts'
import { readEnv } from '@message-center/core/settings/env.ts'
import { createMetrics } from '@message-center/core/telemetry/metrics.ts'
import { planned, storeDispatched, storePending } from '@message-center/devkit/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '@message-center/devkit/testing/test-database.ts'
import type { Queue } from 'bullmq'
import type { ResultSetHeader, RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { type ReconcileDependencies, reconcile } from './reconcile.ts'

/** More than two pages. */
const MANY = 1_100

let database: TestDatabase
let redis: RedisConnection
let queues: Queues
let deps: ReconcileDependencies
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  const env = readEnv(database.variables)
  redis = createPatientRedis(env)
  queues = createQueues(env, redis, (error) => {
    throw error
  })
  const defaults = Object.entries(SETTINGS).map(([key, { fallback }]) => [key, fallback(env)])
  const settings: Settings = Object.fromEntries(defaults)
  deps = {
    pool: database.pool,
    redis,
    queues,
    configs: { candidates: async () => new Map(), config: async () => undefined },
    settings: async () => settings,
    metrics: createMetrics(),
    channelOrder: () => 0,
    onFinished: () => undefined,
    onLongDue: () => undefined,
  }
})
afterAll(async () => {
  await queues.close()
  redis.disconnect()
  await database.remove()
})
beforeEach(async () => {
  for (const table of ['msg_message', 'msg_message_key', 'msg_channel_task'])
    await database.pool.query(`DELETE FROM ${table}`)
  await Promise.all([queues.pipeline, queues.channel('LOCAL')].map((queue) => queue.obliterate({ force: true })))
})

const afterLoss = () => reconcile(deps, { everything: true })
const asUsual = () => reconcile(deps, { everything: false })

async function longAgo(): Promise<void> {
  await database.pool.query('UPDATE msg_message SET due_time = due_time - INTERVAL 1 HOUR')
}

async function waitingIn(queue: Queue): Promise<number> {
  const { prioritized = 0, waiting = 0, delayed = 0 } = await queue.getJobCounts('prioritized', 'waiting', 'delayed')
  return prioritized + waiting + delayed
}

async function oneRow(sql: string): Promise<RowDataPacket> {
  const [[row]] = await database.pool.query<RowDataPacket[]>(sql)
  if (!row) throw new Error(`no row: ${sql}`)
  return row
}

describe('when Redis was emptied', () => {
  test('every message that is not final gets a job, however many there are, and looking ends', async () => {
    await storePending(database.pool, MANY)
    expect(await afterLoss()).toBe(MANY)
    const jobs = await queues.pipeline.getJobs(['prioritized', 'waiting'])
    const carried = jobs.flatMap(({ data }) => data.messages.map(([messageId]: [string]) => messageId))
    expect(new Set(carried).size).toBe(MANY)
    expect(await afterLoss()).toBe(0)
  })

  test('every open task gets a job, however many there are, and only one', async () => {
    await storeDispatched(database.pool, MANY)
    expect(await afterLoss()).toBe(MANY)
    expect(await waitingIn(queues.channel('LOCAL'))).toBe(MANY)
    expect(await afterLoss()).toBe(0)
    expect(await waitingIn(queues.channel('LOCAL'))).toBe(MANY)
  })

  test('the new job of a task goes on in its message’s trace', async () => {
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
    const [ref] = await storePending(database.pool, 1, { traceparent })
    if (!ref) throw new Error('nothing stored')
    await dispatchMessages(database.pool, [planned(ref)])
    expect(await afterLoss()).toBe(1)
    const [job] = await queues.channel('LOCAL').getJobs()
    expect(job?.data).toMatchObject({ messageId: ref.messageId, traceparent })
  })

  test('a tenant whose settings cannot be read keeps nobody from his jobs', async () => {
    const [broken] = await storePending(database.pool, 1, { tenantId: '666' })
    if (!broken) throw new Error('nothing stored')
    await dispatchMessages(database.pool, [planned(broken)])
    await storeDispatched(database.pool, 3)
    const settings: typeof deps.settings = async (tenantId) => {
      if (tenantId === '666') throw new SyntaxError('somebody has written a value that is no JSON into the table')
      return deps.settings(tenantId)
    }
    expect(await reconcile({ ...deps, settings }, { everything: true })).toBe(4)
    expect(await waitingIn(queues.channel('LOCAL'))).toBe(4)
  })

  test('several processes that do it at once give each task one job', async () => {
    await storeDispatched(database.pool, 200)
    await Promise.all([afterLoss(), afterLoss(), afterLoss()])
    expect(await waitingIn(queues.channel('LOCAL'))).toBe(200)
  })

  test('what waits for its sendAt is left until then', async () => {
    const sendAt = new Date(Date.now() + 86_400_000)
    await storePending(database.pool, 3, { sendAt, jobId: null })
    expect(await afterLoss()).toBe(0)
    expect(await waitingIn(queues.pipeline)).toBe(0)
  })

  test('a task that waits for a later time gets a job for that time, one in somebody’s hands for the end of the lease', async () => {
    const [waiting, held] = await storeDispatched(database.pool, 2)
    if (!waiting || !held) throw new Error('nothing stored')
    const later = new Date(Math.ceil(Date.now() / 1000) * 1000 + 600_000)
    await database.pool.query('UPDATE msg_channel_task SET next_retry_time = ?, status = "RETRY" WHERE id = ?', [
      later,
      waiting.taskId,
    ])
    const leaseUntil = new Date(Date.now() + 300_000)
    const claim = { token: 'somebody', dueBy: new Date(), leaseMs: 300_000, takeOverFrom: null }
    await claimTasks(database.pool, [{ ...held, ...claim }])
    await afterLoss()
    const jobs = await queues.channel('LOCAL').getDelayed()
    const dueTimes = jobs.map(({ data, timestamp, delay }) => [data.taskId, timestamp + delay] as const)
    const byTask = new Map(dueTimes)
    expect(Math.abs((byTask.get(waiting.taskId) ?? 0) - later.getTime())).toBeLessThan(1_000)
    expect(Math.abs((byTask.get(held.taskId) ?? 0) - leaseUntil.getTime())).toBeLessThan(1_000)
  })
})

describe('as usual', () => {
  test('nothing is done to what is fresh, or has its job', async () => {
    await storePending(database.pool, 5)
    expect(await asUsual()).toBe(0)
    await afterLoss()
    await longAgo()
    expect(await asUsual()).toBe(0)
    expect(await waitingIn(queues.pipeline)).toBe(1)
  })

  test('what is overdue and has no job gets one, and is not looked at again at once', async () => {
    await storePending(database.pool, MANY)
    await longAgo()
    expect(await asUsual()).toBe(MANY)
    await queues.pipeline.obliterate({ force: true })
    expect(await asUsual()).toBe(0)
  })

  test('a sendAt that has come is acted on without a grace', async () => {
    await storePending(database.pool, 1, { sendAt: new Date(Date.now() - 1), jobId: null })
    expect(await asUsual()).toBe(1)
  })

  test('a task whose job failed for good while it was still open gets a new one', async () => {
    await storeDispatched(database.pool, 1)
    await afterLoss()
    const [job] = await queues.channel('LOCAL').getJobs(['prioritized', 'waiting'])
    await redis.hset(queues.channel('LOCAL').toKey(job?.id ?? ''), 'finishedOn', Date.now())
    await longAgo()
    expect(await asUsual()).toBe(1)
    expect((await oneRow('SELECT generation FROM msg_channel_task')).generation).toBe(2)
  })

  test('what an operator has had tried again gets its jobs at once: one for the pipeline, one for what goes out as it is', async () => {
    const [{ insertId }] = await database.pool.query<ResultSetHeader>(
      `INSERT INTO msg_channel_config (tenant_id, channel_type, channel_name, config_json) VALUES (1, 'LOCAL', 'x', '{}')`,
    )
    const [ref] = await storePending(database.pool, 1)
    if (!ref) throw new Error('nothing stored')
    const failure = { code: 'TEMPLATE_NOT_FOUND' as const, text: 'none' }
    const tasks = [{ channelType: 'DINGTALK', failure, renderedContent: null }, { configId: String(insertId) }]
    await dispatchMessages(database.pool, [planned(ref, tasks)])
    const failed = `UPDATE msg_channel_task SET status = 'FAILED', error_code = 'CHANNEL_ERROR', finish_time = NOW() WHERE channel_type = 'LOCAL'`
    await database.pool.query(failed)
    await retryMessages(database.pool, [ref], { cancelledToo: true }, async () => undefined)
    expect(await asUsual()).toBe(2)
    expect(await waitingIn(queues.pipeline)).toBe(1)
    expect(await waitingIn(queues.channel('LOCAL'))).toBe(1)
    expect(await waitingIn(queues.channel('DINGTALK'))).toBe(0)
    await longAgo()
    expect(await asUsual()).toBe(0)
  })

  test('a look that was under way does not put off what has become due since', async () => {
    const [ref] = await storePending(database.pool, 1)
    if (!ref) throw new Error('nothing stored')
    const { due_time: dueTime } = await oneRow('SELECT due_time FROM msg_message')
    await database.pool.query('UPDATE msg_message SET due_time = due_time - INTERVAL 1 HOUR')
    await lookAgainAt(database.pool, [{ ...ref, dueTime }], new Date(Date.now() + 30_000))
    const after = await oneRow('SELECT due_time FROM msg_message')
    expect(after.due_time.getTime()).toBe(dueTime.getTime() - 3_600_000)
  })

  test('a message whose tasks have all ended is finished', async () => {
    const [task] = await storeDispatched(database.pool, 1)
    if (!task) throw new Error('nothing stored')
    const dueBy = new Date()
    await claimTasks(database.pool, [{ ...task, token: 'x', dueBy, leaseMs: 0, takeOverFrom: null }])
    const nothing = {
      retryCount: 0,
      nextRetryTime: null,
      errorCode: null,
      resultMessage: null,
      thirdPartyResponse: null,
      providerMessageId: null,
      attempts: null,
    }
    await recordOutcomes(database.pool, [{ ...task, token: 'x', status: 'SUCCESS', ...nothing }])
    await longAgo()
    expect(await asUsual()).toBe(0)
    expect(await oneRow('SELECT status, success_channels, due_time FROM msg_message')).toMatchObject({
      status: 'SUCCESS',
      success_channels: 1,
      due_time: null,
    })
  })
})
