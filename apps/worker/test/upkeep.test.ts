import {
  listPartitions,
  monthStart,
  PARTITIONED_TABLES,
  partitionName,
} from '@message-center/core/schema/partitions.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

let system: TestSystem
let redis: Redis
let queue: Queue
beforeAll(async () => {
  system = await startTestSystem({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl'), workers: 2 })
  redis = new Redis(system.variables.REDIS_URL ?? '', { maxRetriesPerRequest: null })
  queue = new Queue('scheduled', { connection: redis, prefix: system.variables.QUEUE_PREFIX ?? '' })
})
afterAll(async () => {
  await queue.close()
  redis.disconnect()
  await system.stop()
})

const set = (key: string, value: unknown) =>
  system.caller({ roles: ['platform'] })('PUT', `/api/system-configs/${key}`, { value })

/** What finished runs of a task told, newest first. */
async function told(task: string): Promise<unknown[]> {
  return (await queue.getCompleted()).filter(({ name }) => name === task).map(({ returnvalue }) => returnvalue)
}

/** When the newest run of a task that has ended, well or not, was due, epoch ms. */
async function newestRun(task: string): Promise<number> {
  const ids = (await queue.getJobs(['completed', 'failed']))
    .filter(({ name }) => name === task)
    .map(({ id }) => id ?? '')
  return Math.max(0, ...ids.map((id) => Number(id.split(':').at(-1))))
}

/** Sum of a metric over all workers that still run. */
async function metric(pattern: RegExp): Promise<number> {
  const texts = await Promise.all(
    system.workers.map(async ({ url }) => (await fetch(`${url}/metrics`).catch(() => undefined))?.text() ?? ''),
  )
  return texts.reduce((sum, text) => sum + Number(pattern.exec(text)?.[1] ?? 0), 0)
}

test('each task runs soon after the start, on one process, and tells people and metrics', async () => {
  const expected: [task: string, answer: RegExp][] = [
    ['reconcile', /^\d+ messages and tasks got a new job$/],
    ['partitions', /^added none; dropped none; kept past its time none$/],
    ['advance-lines', /^0 slots have come closer$/],
    ['clean-up', /^removed 0 message keys, 0 audit entries, 0 inbox rows, 0 hourly books, 0 months of quotas$/],
    ['refresh-tokens', /^0 access tokens fetched for 0 configs$/],
    ['books', /^24 hours counted, 0 messages missing$/],
  ]
  for (const [task, answer] of expected)
    await until(`a run of ${task}`, async () => (await told(task)).some((text) => answer.test(String(text))))
  expect(await metric(/scheduler_run_seconds_count\{task="partitions",outcome="success"\} (\d+)/)).toBeGreaterThan(0)
  expect(await metric(/scheduler_last_success_timestamp_seconds\{task="partitions"\} (\S+)/)).toBeGreaterThan(1e9)
})

test('intervals follow the settings without a restart, and a new one begins with a run', async () => {
  await set('reconcileIntervalSeconds', 1)
  await until('the new interval', async () => (await queue.getJobScheduler('reconcile'))?.every === 1_000)
  await set('retentionMonths', 6)
  const oldest = partitionName(monthStart(new Date(), -6))
  const isDone = async () => {
    const months = await Promise.all(PARTITIONED_TABLES.map((table) => listPartitions(system.pool, table)))
    return months.every(([first]) => first === oldest)
  }
  // A run may find a table in use, or know the retention of a moment ago: the next would come with the interval only.
  let seconds = 60
  await until('the older months to go', async () => {
    const ended = await newestRun('partitions')
    await set('partitionIntervalSeconds', seconds++)
    await until('a run to begin with the interval', async () => (await newestRun('partitions')) > ended)
    return isDone()
  })
  // The run that came to the end says so.
  const last = `msg_channel_task.${partitionName(monthStart(new Date(), -7))}`
  expect((await told('partitions')).join('\n')).toContain(last)
  expect((await queue.getJobScheduler('partitions'))?.every).toBe((seconds - 1) * 1_000)
})

test('reconciling cannot be switched off: no interval beyond seconds, and a scheduler that was removed comes back', async () => {
  for (const value of [0, 16, null, false]) expect((await set('reconcileIntervalSeconds', value)).status).toBe(400)
  await queue.removeJobScheduler('reconcile')
  await until('it to be back', async () => (await queue.getJobScheduler('reconcile'))?.every === 1_000)
})

test('workers killed in the middle of a run take no later run with them', async () => {
  // The run stands still for as long as somebody holds the table of the keys.
  const holder = await system.pool.getConnection()
  await holder.query('LOCK TABLES msg_message_key WRITE')
  await set('cleanUpIntervalSeconds', 61)
  await until('a run that stands still', async () => (await queue.getActive()).some(({ name }) => name === 'clean-up'))
  await Promise.all(system.workers.map((worker) => worker.stop('SIGKILL')))
  await holder.query('UNLOCK TABLES')
  holder.release()
  const [reconciled, cleaned] = [await newestRun('reconcile'), await newestRun('clean-up')]
  await system.startWorker()
  await until('reconciling to go on', async () => (await newestRun('reconcile')) > reconciled)
  await set('cleanUpIntervalSeconds', 62)
  await until('the clean-up to go on', async () => (await newestRun('clean-up')) > cleaned)
  expect((await told('clean-up'))[0]).toMatch(/^removed /)
})
