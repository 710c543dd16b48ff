import type { NewCallbackSecret } from '@message-center/core/contracts/callbacks.ts'
import type { MessageDetail } from '@message-center/core/contracts/messages.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { allFinal, sendMany } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type CallbackReceiver, type ReceivedCallback, startCallbackReceiver } from './callback-receiver.ts'

/** What the receiver does is in the path of the callback's URL. */
let receiver: CallbackReceiver
/** Takes requests and never answers. */
let silent: CallbackReceiver
let system: TestSystem
beforeAll(async () => {
  receiver = await startCallbackReceiver(({ path }, nth) => {
    if (path.startsWith('/fail-once')) return nth === 1 ? 503 : 200
    return path.startsWith('/gone') ? 410 : 204
  })
  silent = await startCallbackReceiver(() => 'hang')
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: inject('redisUrl'),
    variables: { CALLBACK_ALLOW_CIDRS: '127.0.0.0/8', CHANNEL_CONCURRENCY: '8', SEND_TIMEOUT_MS: '4000' },
  })
})
afterAll(async () => {
  await system.stop()
  await Promise.all([receiver.close(), silent.close()])
})

/** A tenant with the inbox and DingTalk for ORDER, and a signing secret. */
async function newTenant(tenantId: string): Promise<{ call: ApiCaller; secret: string }> {
  const call = system.caller({ tenantId })
  const accessToken = `ding-${tenantId}`
  await createConfig(call, 'LOCAL')
  await createConfig(call, 'DINGTALK', { configJson: { mode: 'robot', accessToken } })
  for (const channelType of ['LOCAL', 'DINGTALK']) await createTemplate(call, 'ORDER', channelType)
  return { call, secret: await newSecret(call) }
}

async function newSecret(call: ApiCaller): Promise<string> {
  const { status, body } = await call<NewCallbackSecret>('POST', '/api/callback-secret')
  expect([status, body]).toEqual([201, expect.objectContaining({ secret: expect.stringMatching(/^whsec_.{44}$/) })])
  return body.secret
}

async function send(call: ApiCaller, messageId: string, path = '/told', fields: object = {}): Promise<void> {
  const businessData = { orderNo: messageId, userId: 'u1' }
  const attributes = { callbackUrl: `${receiver.origin}${path}` }
  const message = { messageId, businessType: 'ORDER', businessData, attributes, targetChannels: ['LOCAL'], ...fields }
  const { status, body } = await call('POST', '/api/messages', message)
  expect([status, body]).toEqual([202, { success: true, messageId }])
}

const told = (messageId: string) => until(`${messageId} to be told`, () => receiver.of(messageId)[0])
const callbackOf = async (call: ApiCaller, messageId: string) =>
  (await call<MessageDetail>('GET', `/api/messages/${messageId}`)).body.callback
const stateOf = (call: ApiCaller, messageId: string, state: string) =>
  until(`the callback of ${messageId} to be ${state}`, async () => {
    const callback = await callbackOf(call, messageId)
    return callback?.state === state && callback
  })
/** @throws where the signature does not fit */
const verify = ({ body, headers }: ReceivedCallback, secret: string) =>
  new Webhook(secret).verify(body, headers as Record<string, string>)

test('each kind of final status is told once, as the message then says, signed after Standard Webhooks', async () => {
  const { call, secret } = await newTenant('801')
  const fault = { match: { token: 'ding-801' }, fault: { kind: 'errcode' as const, errcode: 310000, errmsg: 'no' } }
  await system.sandbox.client.addFault(fault)
  await send(call, 'success')
  await send(call, 'partial', '/told?token=very-secret', { targetChannels: ['LOCAL', 'DINGTALK'] })
  await send(call, 'failed', '/told', { targetChannels: ['DINGTALK'] })
  await send(call, 'no-channel', '/told', { targetChannels: ['WECHAT_WORK'] })
  await send(call, 'no-template', '/told', { businessType: 'UNKNOWN' })
  await call('POST', '/api/messages', { messageId: 'untold', businessType: 'ORDER', businessData: { orderNo: 1 } })
  const expected: Record<string, [status: string, errorCode: string | null]> = {
    success: ['SUCCESS', null],
    partial: ['PARTIAL_SUCCESS', 'CHANNEL_ERROR'],
    failed: ['FAILED', 'CHANNEL_ERROR'],
    'no-channel': ['FAILED', 'CHANNEL_NOT_CONFIGURED'],
    'no-template': ['FAILED', 'TEMPLATE_NOT_FOUND'],
  }
  for (const [messageId, [status, errorCode]] of Object.entries(expected)) {
    const callback = await told(messageId)
    const message = await finalMessage(call, messageId)
    expect(verify(callback, secret)).toEqual(callback.event)
    expect(callback.event).toMatchObject({ type: 'message.finished', timestamp: message.finishTime })
    const { tasks, ...data } = callback.event.data
    expect(message).toMatchObject({ ...data, status, errorCode })
    expect(tasks).toEqual(
      message.tasks.map(({ id, channelType, status, errorCode }) => ({ taskId: id, channelType, status, errorCode })),
    )
    const delivered = { state: 'DELIVERED', attempts: 1, lastResult: 'HTTP 204', nextTime: null }
    expect(await stateOf(call, messageId, 'DELIVERED')).toEqual(delivered)
    expect(receiver.of(messageId)).toHaveLength(1)
  }
  await finalMessage(call, 'untold')
  expect(await callbackOf(call, 'untold')).toBeUndefined()
  expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(receiver.received.length)
})

test('while a secret is replaced both sign; the receiver needs only one of them', async () => {
  const { call, secret } = await newTenant('802')
  const renewed = await newSecret(call)
  await send(call, 'both')
  const callback = await told('both')
  expect(String(callback.headers['webhook-signature']).split(' ')).toHaveLength(2)
  for (const each of [secret, renewed]) expect(verify(callback, each)).toEqual(callback.event)
  const foreign = (await newTenant('803')).secret
  expect(() => verify(callback, foreign)).toThrow()
})

test('a receiver that fails is tried again with the same webhook-id and body and a signature of its own; 410 ends it', async () => {
  const { call, secret } = await newTenant('804')
  await send(call, 'again', '/fail-once')
  await send(call, 'gone', '/gone')
  const waiting = await until('the first try to be over', async () => {
    const callback = await callbackOf(call, 'again')
    return callback?.lastResult === 'HTTP 503' && callback
  })
  expect(waiting).toEqual({ state: 'DUE', attempts: 1, lastResult: 'HTTP 503', nextTime: expect.any(String) })
  const gone = { state: 'FAILED', attempts: 1, lastResult: 'HTTP 410', nextTime: null }
  expect(await stateOf(call, 'gone', 'FAILED')).toEqual(gone)
  expect(await stateOf(call, 'again', 'DELIVERED')).toMatchObject({ attempts: 2, lastResult: 'HTTP 200' })
  const [first, second] = receiver.of('again') as [ReceivedCallback, ReceivedCallback]
  expect(second.headers['webhook-id']).toBe(first.headers['webhook-id'])
  expect(second.body).toBe(first.body)
  expect(second.headers['webhook-timestamp']).not.toBe(first.headers['webhook-timestamp'])
  expect(second.at - first.at).toBeGreaterThanOrEqual(5_000)
  verify(second, secret)
})

test('a message that an operator cancels is told as FAILED, waiting for its sendAt or between two tries', async () => {
  const { call, secret } = await newTenant('808')
  await system.sandbox.client.addFault({ match: { token: 'ding-808' }, fault: { kind: 'http', status: 500 }, times: 1 })
  const attributes = { callbackUrl: `${receiver.origin}/told` }
  const sendAt = new Date(Date.now() + 3_600_000).toISOString()
  await send(call, 'planned', '/told', { attributes: { ...attributes, sendAt } })
  await send(call, 'retrying', '/told', { targetChannels: ['LOCAL', 'DINGTALK'] })
  await until('the first try to have failed', async () => {
    const { body } = await call<MessageDetail>('GET', '/api/messages/retrying')
    return body.tasks.some(({ status }) => status === 'RETRY') && body.tasks.some(({ status }) => status === 'SUCCESS')
  })
  const statuses = { planned: 'FAILED', retrying: 'PARTIAL_SUCCESS' }
  for (const [messageId, status] of Object.entries(statuses)) {
    expect((await call('POST', `/api/messages/${messageId}/cancel`)).body).toEqual({ cancelled: 1 })
    const callback = await told(messageId)
    expect(verify(callback, secret)).toEqual(callback.event)
    expect(callback.event.data).toMatchObject({ status, errorCode: 'CANCELLED' })
    await stateOf(call, messageId, 'DELIVERED')
    expect(receiver.of(messageId)).toHaveLength(1)
  }
})

test('failed, tried again by an operator and then delivered: a second event, with a webhook-id of its own', async () => {
  const { call, secret } = await newTenant('809')
  const refusal = { kind: 'errcode' as const, errcode: 310000, errmsg: 'no' }
  await system.sandbox.client.addFault({ match: { token: 'ding-809' }, fault: refusal, times: 2 })
  await send(call, 'twice', '/told', { targetChannels: ['DINGTALK'] })
  for (const [events, status] of [
    [1, 'FAILED'],
    [2, 'FAILED'],
    [3, 'SUCCESS'],
  ] as const) {
    if (events > 1) expect((await call('POST', '/api/messages/twice/retry')).body).toEqual({ retried: 1 })
    const callback = await until(`event ${events}`, () => receiver.of('twice')[events - 1])
    expect(verify(callback, secret)).toEqual(callback.event)
    expect(callback.event.data).toMatchObject({ status, tasks: [{ status: status === 'SUCCESS' ? status : 'FAILED' }] })
    await stateOf(call, 'twice', 'DELIVERED')
  }
  const ids = receiver.of('twice').map(({ headers }) => String(headers['webhook-id']))
  const [, row = ''] = /^mc_(\d+)_1$/.exec(ids[0] ?? '') ?? []
  expect(ids).toEqual([`mc_${row}_1`, `mc_${row}_2`, `mc_${row}_3`])
})

test('a receiver that hangs does not hold up those of other tenants', async () => {
  const hanging = await newTenant('805')
  const other = await newTenant('806')
  const attributes = { callbackUrl: `${silent.origin}/` }
  await sendMany(hanging.call, 'ORDER', 'hung', 60, { targetChannels: ['LOCAL'], attributes })
  await allFinal(system.pool, '805')
  // Half of the eight slots.
  await until('calls to hang', () => silent.received.length >= 4)
  for (let index = 0; index < 20; index++) await send(other.call, `other-${index}`)
  for (let index = 0; index < 20; index++) await told(`other-${index}`)
  // The first four, and then one at a time: nearly all are still waiting.
  expect(silent.received.length).toBeLessThan(20)
})

test('a URL with an inner address or a password is refused when posted', async () => {
  const { call } = await newTenant('807')
  const post = (callbackUrl: string) =>
    call('POST', '/api/messages', { businessType: 'ORDER', businessData: {}, attributes: { callbackUrl } })
  for (const url of ['http://169.254.169.254/latest', 'http://[::1]:9/', 'http://user:pw@example.com/']) {
    expect(await post(url)).toMatchObject({ status: 400, body: { details: [{ path: 'attributes.callbackUrl' }] } })
  }
  expect(await allFinal(system.pool, '807')).toEqual({})
})
