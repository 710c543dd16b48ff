import type { RedriveResult } from '@message-center/core/contracts/message-operations.ts'
import { dispatchMessages, type PlannedTask } from '@message-center/core/messages/dispatch.ts'
import type { NewMessage } from '@message-center/core/messages/insert-messages.ts'
import type { MessageRef } from '@message-center/core/messages/message-ref.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { tasksOf } from '@message-center/devkit/testing/deliveries.ts'
import { planned, storePending } from '@message-center/devkit/testing/stored-messages.ts'
import type { RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

let api: RunningApi
beforeAll(async () => {
  api = await startApiHere({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => api.stop())

let tenants = 1400
function newTenant() {
  const tenantId = String(tenants++)
  return { tenantId, call: api.caller({ tenantId, roles: ['operator'] }) }
}

const failure = (code: string) => ({ failure: { code, text: 'x' }, renderedContent: null })

/** Messages whose tasks have failed on the way, each in a second of its own; newest last. */
async function failed(
  tenantId: string,
  count: number,
  tasks: Partial<PlannedTask>[] = [failure('TEMPLATE_NOT_FOUND')],
  fields: Partial<NewMessage> = {},
): Promise<MessageRef[]> {
  const refs: MessageRef[] = []
  for (let index = 0; index < count; index++) {
    const createTime = `2026-11-23 10:00:${String(index).padStart(2, '0')}`
    refs.push(...(await storePending(api.pool, 1, { tenantId, createTime, ...fields })))
  }
  await dispatchMessages(
    api.pool,
    refs.map((ref) => planned(ref, tasks)),
  )
  return refs
}

async function redrive(call: ApiCaller, body: object): Promise<RedriveResult & { status: number }> {
  const { status, body: result } = await call<RedriveResult>('POST', '/api/messages/retry', body)
  return { status, ...result }
}

async function openTasks(tenantId: string): Promise<RowDataPacket[]> {
  return (await tasksOf(api.pool, tenantId)).filter(({ status }) => status === 'PENDING')
}

test('goes page by page, oldest first, and tells whether there are more', async () => {
  const { tenantId, call } = newTenant()
  const refs = await failed(tenantId, 5)
  const first = await redrive(call, { limit: 2 })
  expect(first).toMatchObject({ status: 202, messages: 2, retried: 2, dryRun: false, nextCursor: expect.any(String) })
  const reopened = (await openTasks(tenantId)).map((task) => task.message_id)
  expect(new Set(reopened)).toEqual(new Set(refs.slice(0, 2).map((ref) => ref.messageId)))
  const second = await redrive(call, { limit: 2, cursor: first.nextCursor })
  expect(second).toMatchObject({ messages: 2, nextCursor: expect.any(String) })
  expect(await redrive(call, { limit: 2, cursor: second.nextCursor })).toMatchObject({ messages: 1, nextCursor: null })
  expect(await redrive(call, {})).toMatchObject({ messages: 0, retried: 0, nextCursor: null })
})

test('more than one transaction holds', async () => {
  const { tenantId, call } = newTenant()
  const refs = await storePending(api.pool, 250, { tenantId })
  await dispatchMessages(
    api.pool,
    refs.map((ref) => planned(ref, [failure('RATE_LIMITED')])),
  )
  expect(await redrive(call, { limit: 240 })).toMatchObject({ messages: 240, retried: 240 })
  expect(await openTasks(tenantId)).toHaveLength(240)
  const [[audited]] = await api.pool.query<RowDataPacket[]>(
    `SELECT COUNT(*) AS n FROM msg_audit_log WHERE tenant_id = ? AND action = 'RETRY' AND object_type = 'MESSAGE'`,
    [tenantId],
  )
  expect(Number(audited?.n)).toBe(240)
})

test('dryRun counts what the call would do, and does nothing', async () => {
  const { tenantId, call } = newTenant()
  const two = [
    { channelType: 'DINGTALK', ...failure('TEMPLATE_NOT_FOUND') },
    { channelType: 'LOCAL', ...failure('EXPIRED') },
  ]
  await failed(tenantId, 3, two)
  expect(await redrive(call, { limit: 2, dryRun: true })).toEqual({
    status: 200,
    messages: 2,
    retried: 4,
    dryRun: true,
    nextCursor: expect.any(String),
  })
  expect(await openTasks(tenantId)).toEqual([])
  expect(await redrive(call, { limit: 2 })).toMatchObject({ status: 202, messages: 2, retried: 4 })
})

test('channelType and errorCode choose among the tasks; cancelled ones are taken only by name', async () => {
  const { tenantId, call } = newTenant()
  await failed(tenantId, 1, [
    { channelType: 'DINGTALK', ...failure('TEMPLATE_NOT_FOUND') },
    { channelType: 'WECHAT_WORK', ...failure('CANCELLED') },
    { channelType: 'LOCAL', ...failure('EXPIRED') },
  ])
  const count = async (filters: object) => (await redrive(call, { ...filters, dryRun: true })).retried
  expect(await count({})).toBe(2)
  expect(await count({ errorCode: 'CANCELLED' })).toBe(1)
  expect(await count({ channelType: 'WECHAT_WORK' })).toBe(0)
  expect(await count({ channelType: 'WECHAT_WORK', errorCode: 'CANCELLED' })).toBe(1)
  expect(await redrive(call, { channelType: 'LOCAL' })).toMatchObject({ messages: 1, retried: 1 })
  expect((await openTasks(tenantId)).map((task) => task.channel_type)).toEqual(['LOCAL'])
  // It is under way now: of such only what is asked for by status.
  expect(await count({})).toBe(0)
  expect(await count({ status: 'PROCESSING' })).toBe(1)
  expect(await count({ status: 'SUCCESS' })).toBe(0)
})

test('the filters of the list; what failed without a task counts as one', async () => {
  const { tenantId, call } = newTenant()
  await failed(tenantId, 3)
  await failed(tenantId, 2, undefined, { storeId: '7', businessType: 'REFUND' })
  const [bare] = await storePending(api.pool, 1, { tenantId })
  if (!bare) throw new Error('nothing was stored')
  await dispatchMessages(api.pool, [
    { ...planned(bare, []), failure: { code: 'CHANNEL_NOT_CONFIGURED', text: 'none' } },
  ])
  const count = async (filters: object) => (await redrive(call, { ...filters, dryRun: true })).messages
  expect(await count({})).toBe(6)
  expect(await count({ storeId: '7' })).toBe(2)
  expect(await count({ storeId: 7 })).toBe(2)
  expect(await count({ businessType: 'ORDER' })).toBe(4)
  expect(await count({ errorCode: 'CHANNEL_NOT_CONFIGURED' })).toBe(1)
  expect(await count({ channelType: 'LOCAL' })).toBe(5)
  expect(await count({ createdFrom: '2026-11-23T10:00:01Z', createdTo: '2026-11-23T10:00:01Z' })).toBe(2)
  expect(await redrive(call, { errorCode: 'CHANNEL_NOT_CONFIGURED' })).toMatchObject({ messages: 1, retried: 1 })
  const { body } = await call<{ status: string }>('GET', `/api/messages/${bare.messageId}`)
  expect(body.status).toBe('PENDING')
})

test('touches no other tenant', async () => {
  const [mine, other] = [newTenant(), newTenant()]
  await failed(mine.tenantId, 1)
  await failed(other.tenantId, 1)
  expect(await redrive(mine.call, {})).toMatchObject({ messages: 1 })
  expect(await openTasks(other.tenantId)).toEqual([])
  const named = await mine.call('POST', `/api/messages/retry?tenantId=${other.tenantId}`, {})
  expect(named.status).toBe(403)
  const platform = api.caller({ roles: ['platform'] })
  const { body } = await platform('POST', `/api/messages/retry?tenantId=${other.tenantId}`, {})
  expect(body).toMatchObject({ messages: 1 })
})

test.each([
  [{ limit: 0 }, 'limit'],
  [{ limit: 1001 }, 'limit'],
  [{ cursor: "1-1' OR 1=1" }, 'cursor'],
  [{ errorCode: 'lower' }, 'errorCode'],
  [{ status: 'LOST' }, 'status'],
  [{ page: 1 }, 'page'],
  [{ createdFrom: 'yesterday' }, 'createdFrom'],
])('%j is refused by name', async (body, path) => {
  const answer = await newTenant().call('POST', '/api/messages/retry', body)
  expect(answer).toMatchObject({ status: 400, body: { errorCode: 'VALIDATION_FAILED', details: [{ path }] } })
})

test('the furthest cursor there can be is an end, not a fault', async () => {
  const { call } = newTenant()
  const cursor = '9999999999-9999999999999999999'
  expect(await redrive(call, { cursor })).toMatchObject({ status: 202, messages: 0, nextCursor: null })
})
