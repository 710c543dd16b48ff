import { sendMany, tasksOf } from '@message-center/devkit/testing/deliveries.ts'
import { finalMessage, setUpAllChannels } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

let system: TestSystem
beforeAll(async () => {
  system = await startTestSystem({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl'), workers: 0 })
  await Promise.all([
    system.startWorker({ WORKER_QUEUES: 'pipeline, scheduled' }),
    system.startWorker({ WORKER_QUEUES: 'channel.DINGTALK,LOCAL' }),
  ])
})
afterAll(() => system.stop())

test('WORKER_QUEUES: a worker takes only the queues that it names; a channel type stands for its queue', async () => {
  const call = system.caller()
  await setUpAllChannels(call, 'ORDER')
  const [id = ''] = await sendMany(call, 'ORDER', 'split', 1)
  const statuses = await until('two of three channels', async () => {
    const tasks = await tasksOf(system.pool, '1')
    const sent = tasks.filter(({ status }) => status === 'SUCCESS')
    return sent.length === 2 && Object.fromEntries(tasks.map((task) => [task.channel_type, task.status]))
  })
  expect(statuses).toEqual({ DINGTALK: 'SUCCESS', LOCAL: 'SUCCESS', WECHAT_WORK: 'PENDING' })
  await system.startWorker({ WORKER_QUEUES: 'WECHAT_WORK' })
  expect(await finalMessage(call, id)).toMatchObject({ status: 'SUCCESS', successChannels: 3 })
  expect(await Promise.all(system.workers.map(({ url }) => workOf(url)))).toEqual(
    expect.arrayContaining([
      { steps: true, sends: [] },
      { steps: false, sends: ['DINGTALK', 'LOCAL'] },
      { steps: false, sends: ['WECHAT_WORK'] },
    ]),
  )
})

/** What a worker has done, by its metrics. */
async function workOf(url: string) {
  const text = await (await fetch(`${url}/metrics`)).text()
  const sends = text.matchAll(/provider_request_seconds_count\{channel="(\w+)"/g)
  return { steps: text.includes('step_seconds_count{step='), sends: Array.from(sends, ([, channel]) => channel).sort() }
}

test('WORKER_QUEUES: an unknown name stops the start, with the variable and what there is', async () => {
  await expect(system.startWorker({ WORKER_QUEUES: 'pipeline,channel.FAX' })).rejects.toThrow(
    /worker: WORKER_QUEUES names 'channel\.FAX'; there are pipeline, scheduled, .*channel\.DINGTALK, channel\.WECHAT_WORK, channel\.LOCAL/,
  )
})
