import { randomUUID } from 'node:crypto'
import type { MessageDetail } from '@message-center/core/contracts/messages.ts'
import type { FaultRule } from '@message-center/devkit/sandbox/faults.ts'
import { freePort } from '@message-center/devkit/services/ports.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { allFinal, received, sendMany, tasksOf } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

/** Longer than everything else in this file takes: what finishes meanwhile has not waited for a hanging call. */
const SEND_TIMEOUT_MS = 12_000
const SLOTS = 10
const SICK_MESSAGES = 40
const SICK_STORE = '7'

let system: TestSystem
beforeAll(async () => {
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: inject('redisUrl'),
    variables: {
      SEND_TIMEOUT_MS: String(SEND_TIMEOUT_MS),
      CHANNEL_CONCURRENCY: String(SLOTS),
      RETRY_INITIAL_DELAY_MS: '200',
      // Nobody listens there: this provider is dead from the start.
      WECHAT_WORK_BASE_URL: `http://127.0.0.1:${await freePort()}/wecom`,
    },
  })
})
afterAll(() => system.stop())

let tenants = 700
/** A tenant that reaches DINGTALK by a robot of its own, LOCAL, and WECHAT_WORK, which is dead; its store has a sick robot. */
async function newTenant() {
  const tenantId = String(tenants++)
  const call = system.caller({ tenantId })
  const retry = { max: 1, initialDelayMs: 200 }
  const robot = (name: string) => ({ mode: 'robot', accessToken: `${tenantId}-${name}` })
  await createConfig(call, 'DINGTALK', { configJson: robot('well') })
  await createConfig(call, 'DINGTALK', { storeId: SICK_STORE, configJson: robot('sick'), retry })
  await createConfig(call, 'WECHAT_WORK', { retry })
  await createConfig(call, 'LOCAL')
  for (const channelType of ['DINGTALK', 'WECHAT_WORK', 'LOCAL']) await createTemplate(call, 'ORDER', channelType)
  const sick = `${tenantId}-sick`
  // Not the robot's name: that is a secret, and message ids are stored as they are.
  const sickIds = `of-store-${tenantId}`
  return {
    tenantId,
    call,
    sick,
    sickIds,
    postSick: () =>
      sendMany(call, 'ORDER', sickIds, SICK_MESSAGES, { storeId: SICK_STORE, targetChannels: ['DINGTALK'] }),
    fault: (fault: FaultRule['fault']) => system.sandbox.client.addFault({ match: { token: sick }, fault }),
  }
}

/** Sends one message by each way, one after another; all of them arrive. @returns how long the slowest took, in ms */
async function sendSingles(ways: [ApiCaller, string][]): Promise<number> {
  let slowest = 0
  for (const [call, channelType] of ways) {
    const start = performance.now()
    const businessData = { orderNo: randomUUID(), userId: 'u1' }
    const message = { businessType: 'ORDER', businessData, targetChannels: [channelType] }
    const { body } = await call<{ messageId: string }>('POST', '/api/messages', message)
    expect(await finalMessage(call, body.messageId)).toMatchObject({ status: 'SUCCESS' })
    slowest = Math.max(slowest, performance.now() - start)
  }
  return slowest
}

function report(what: string, quietMs: number, besideMs: number): void {
  const figures = `${besideMs.toFixed(0)} ms beside, ${quietMs.toFixed(0)} ms on a quiet system`
  process.stdout.write(`${what}: the slowest other message took ${figures}, ratio ${(besideMs / quietMs).toFixed(2)}\n`)
}

test('a hanging config delays no other config, tenant or channel; a hanging provider no other channel', async () => {
  const [tenant, other, crowd] = [await newTenant(), await newTenant(), await newTenant()]
  const ways: [ApiCaller, string][] = [
    [tenant.call, 'DINGTALK'],
    [other.call, 'DINGTALK'],
    [tenant.call, 'LOCAL'],
  ]
  const quiet = await sendSingles([...ways, ...ways])
  await tenant.fault({ kind: 'hang' })
  await tenant.postSick()
  const hanging = async () => (await received(system.sandbox, tenant.sick)).length
  await until('its share of the slots to hang', async () => (await hanging()) >= SLOTS / 2)
  report('one config hangs', quiet, await sendSingles([...ways, ...ways]))
  const wholeProvider = await system.sandbox.client.addFault({
    match: { provider: 'dingtalk' },
    fault: { kind: 'hang' },
  })
  await sendMany(crowd.call, 'ORDER', `crowd-${crowd.tenantId}`, SLOTS, { targetChannels: ['DINGTALK'] })
  const local: [ApiCaller, string][] = [[crowd.call, 'LOCAL']]
  report('the whole provider hangs', quiet, await sendSingles([...local, ...ways.slice(2)]))

  const tasks = await tasksOf(system.pool, tenant.tenantId)
  const sick = tasks.filter(({ message_id: id }) => id.startsWith(tenant.sickIds))
  expect(sick).toHaveLength(SICK_MESSAGES)
  expect(sick.map(({ status }) => status).filter((status) => status !== 'PENDING' && status !== 'SENDING')).toEqual([])
  expect(await hanging()).toBeLessThan(SLOTS)

  await system.sandbox.client.removeFault(wholeProvider)
  await system.sandbox.client.clearFaults()
  for (const { tenantId } of [tenant, crowd]) {
    expect(Object.keys(await allFinal(system.pool, tenantId))).toEqual(['SUCCESS'])
  }
  const ended = (await tasksOf(system.pool, tenant.tenantId)).filter(({ message_id: id }) =>
    id.startsWith(tenant.sickIds),
  )
  expect(ended).toHaveLength(SICK_MESSAGES)
  // What hung was sent again; what waited its turn meanwhile has used up no attempt.
  const retried = ended.filter(({ retry_count: count }) => count > 0)
  expect(retried.length).toBeLessThan(SLOTS)
})

test.each<[string, FaultRule['fault'], RegExp]>([
  ['drops connections', { kind: 'drop' }, /^CHANNEL_ERROR: CONNECTION_LOST/],
  ['answers without end', { kind: 'huge', bytes: 1_200_000 }, /^CHANNEL_ERROR: ANSWER_TOO_LARGE/],
  ['answers 500', { kind: 'http', status: 500 }, /^CHANNEL_ERROR: HTTP_500/],
])(
  'a config whose provider %s: its own messages end by the retries they have, the others arrive',
  async (name, fault, reason) => {
    const [tenant, other] = [await newTenant(), await newTenant()]
    const ways: [ApiCaller, string][] = [
      [other.call, 'DINGTALK'],
      [tenant.call, 'LOCAL'],
      [tenant.call, 'DINGTALK'],
    ]
    const quiet = await sendSingles(ways)
    await tenant.fault(fault)
    const ids = await tenant.postSick()
    report(`one config ${name}`, quiet, await sendSingles(ways))
    for (const id of ids) {
      const message = await finalMessage(tenant.call, id)
      expect(message).toMatchObject({ status: 'FAILED', errorCode: 'CHANNEL_ERROR', tasks: [{ retryCount: 1 }] })
      expect(message.tasks[0]?.resultMessage).toMatch(reason)
    }
    expect(await received(system.sandbox, tenant.sick)).toHaveLength(SICK_MESSAGES * 2)
  },
)

test('a provider that answers garbage, as DingTalk does to who is banned: its own messages wait visibly, the others arrive', async () => {
  const [tenant, other] = [await newTenant(), await newTenant()]
  const ways: [ApiCaller, string][] = [
    [other.call, 'DINGTALK'],
    [tenant.call, 'LOCAL'],
    [tenant.call, 'DINGTALK'],
  ]
  const quiet = await sendSingles(ways)
  await tenant.fault({ kind: 'garbage', form: 'broken-json' })
  await tenant.postSick()
  report('one config answers garbage', quiet, await sendSingles(ways))
  const waiting = await until('all to wait', async () => {
    const tasks = (await tasksOf(system.pool, tenant.tenantId)).filter(({ status }) => status === 'RETRY')
    return tasks.length === SICK_MESSAGES && tasks
  })
  for (const task of waiting) {
    expect(task).toMatchObject({ retry_count: 0, error_code: 'CHANNEL_ERROR' })
    expect(task.next_retry_time.getTime()).toBeGreaterThan(Date.now() + 60_000)
  }
})

test('a provider that refuses connections fails its own channel of a message, and no other', async () => {
  const tenant = await newTenant()
  const ids = await sendMany(tenant.call, 'ORDER', `dead-${tenant.tenantId}`, SICK_MESSAGES)
  for (const id of ids) {
    const message: MessageDetail = await finalMessage(tenant.call, id)
    expect(message).toMatchObject({ status: 'PARTIAL_SUCCESS', successChannels: 2, failedChannels: 1 })
    const failed = message.tasks.find(({ status }) => status === 'FAILED')
    expect(failed).toMatchObject({ channelType: 'WECHAT_WORK', retryCount: 1 })
    expect(failed?.resultMessage).toMatch(/^CHANNEL_ERROR: CONNECT_FAILED/)
  }
})
