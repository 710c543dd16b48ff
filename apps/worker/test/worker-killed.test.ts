import { allFinal, received, sendMany, shownTexts, tasksOf } from '@message-center/devkit/testing/deliveries.ts'
import { setUpAllChannels } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import type { RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

const ROBOTS = ['test-dingtalk', 'test-wecom']

let system: TestSystem
beforeAll(async () => {
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: inject('redisUrl'),
    // Slow enough that there is a middle to be killed in.
    variables: { CHANNEL_CONCURRENCY: '8', PIPELINE_CONCURRENCY: '2' },
  })
  await system.sandbox.client.settings({ latencyMs: 60 })
})
afterAll(() => system.stop())

async function inboxCount(tenantId: string): Promise<number> {
  const [rows] = await system.pool.query<RowDataPacket[]>('SELECT COUNT(*) AS n FROM msg_inbox WHERE tenant_id = ?', [
    tenantId,
  ])
  return Number(rows[0]?.n)
}

/** Posts 200 messages for three channels and resolves when some of them, not all, have arrived. */
async function inTheMiddle(tenantId: string) {
  const call = system.caller({ tenantId })
  await setUpAllChannels(call, `T${tenantId}`)
  const ids = [
    ...(await sendMany(call, `T${tenantId}`, `first-${tenantId}`, 100)),
    ...(await sendMany(call, `T${tenantId}`, `second-${tenantId}`, 100)),
  ]
  await until('some to have arrived', async () => (await arrived(tenantId, 'test-wecom')).length >= 40)
  return ids.map((id) => `T${tenantId} ${id}`)
}

async function arrived(tenantId: string, robot: string) {
  return (await received(system.sandbox, robot)).filter(({ payload }) =>
    JSON.stringify(payload).includes(`T${tenantId} `),
  )
}

/** Texts that a robot showed more than once, or never. */
async function irregular(robot: string, texts: readonly string[]) {
  const shown = await shownTexts(system.sandbox, robot)
  return {
    lost: texts.filter((text) => !shown.has(text)),
    doubled: texts.filter((text) => (shown.get(text) ?? 0) > 1),
  }
}

test('killed with -9 in the middle of 200 messages: all final, none lost, doubles only where a send was under way', async () => {
  const texts = await inTheMiddle('501')
  await system.workers[0]?.stop('SIGKILL')
  const sending = (await tasksOf(system.pool, '501')).filter(({ status }) => status === 'SENDING')
  expect(sending.length).toBeGreaterThan(0)
  await system.startWorker()
  expect(await allFinal(system.pool, '501', 60_000)).toEqual({ SUCCESS: 200 })
  const explained = new Set(
    sending.filter(({ channel_type: type }) => type === 'WECHAT_WORK').map((task) => task.rendered_content),
  )
  const wecom = await irregular('test-wecom', texts)
  expect(wecom.lost).toEqual([])
  expect(wecom.doubled.filter((text) => !explained.has(text))).toEqual([])
  // DingTalk drops a second copy by the idempotency key; the inbox has a unique key.
  expect(await irregular('test-dingtalk', texts)).toEqual({ lost: [], doubled: [] })
  expect(await inboxCount('501')).toBe(200)
})

test('SIGTERM in the middle: it ends what is in hand, exits 0 before it is killed (10 s), and nothing is lost or doubled', async () => {
  const texts = await inTheMiddle('502')
  const running = system.workers.at(-1)
  expect(await running?.stop('SIGTERM')).toEqual({ code: 0, signal: null })
  expect((await tasksOf(system.pool, '502')).filter(({ status }) => status === 'SENDING')).toEqual([])
  await system.startWorker()
  expect(await allFinal(system.pool, '502')).toEqual({ SUCCESS: 200 })
  for (const robot of ROBOTS) {
    expect(await irregular(robot, texts)).toEqual({ lost: [], doubled: [] })
    // Not even a copy that the provider dropped.
    expect(await arrived('502', robot)).toHaveLength(200)
  }
  expect(await inboxCount('502')).toBe(200)
})

test('SIGTERM while a provider hangs: the send is broken off in time, the task given back without using up a retry, the exit is 0', async () => {
  const tenantId = '503'
  const call = system.caller({ tenantId })
  await setUpAllChannels(call, 'HANG')
  const fault = { match: { token: 'test-wecom' }, fault: { kind: 'hang' as const }, times: 1 }
  await system.sandbox.client.addFault(fault)
  await sendMany(call, 'HANG', 'hanging', 1, { targetChannels: ['WECHAT_WORK'] })
  await until('the send to hang', async () => (await tasksOf(system.pool, tenantId))[0]?.status === 'SENDING')
  const worker = system.workers.at(-1)
  const stopped = worker?.stop('SIGTERM')
  await until('it to stop', async () => !(await fetch(`${worker?.url}/health/ready`)).ok)
  // Supervisors say it again, or to every process of a group.
  process.kill(worker?.pid ?? 0, 'SIGTERM')
  expect(await stopped).toEqual({ code: 0, signal: null })
  expect(await tasksOf(system.pool, tenantId)).toMatchObject([
    { status: 'RETRY', retry_count: 0, error_code: 'CHANNEL_ERROR' },
  ])
  // Another worker takes it at once, not after the backoff of a minute.
  await system.startWorker()
  expect(await allFinal(system.pool, tenantId, 30_000)).toEqual({ SUCCESS: 1 })
  expect(JSON.parse((await tasksOf(system.pool, tenantId))[0]?.attempts)).toMatchObject([
    { outcome: 'unknown', providerCode: 'WORKER_STOPPED' },
    { outcome: 'success' },
  ])
})
