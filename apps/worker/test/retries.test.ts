import type { MessageDetail } from '@message-center/core/contracts/messages.ts'
import type { FaultRule } from '@message-center/devkit/sandbox/faults.ts'
import { received } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'

const SEND_TIMEOUT_MS = 1_000
const DELAY_MS = 300

let system: TestSystem
beforeAll(async () => {
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: inject('redisUrl'),
    variables: { SEND_TIMEOUT_MS: String(SEND_TIMEOUT_MS) },
  })
})
afterAll(() => system.stop())

let tenants = 300
/** A tenant with one DingTalk robot of its own, which fails as `faults` say before it works. */
async function sendThrough(faults: FaultRule[], fields: Record<string, unknown> = {}, attributes = {}) {
  const tenantId = String(tenants++)
  const token = `robot-${tenantId}`
  const call = system.caller({ tenantId })
  await createTemplate(call, 'ORDER', 'DINGTALK')
  await createConfig(call, 'DINGTALK', {
    configJson: { mode: 'robot', accessToken: token },
    retry: { max: 3, initialDelayMs: DELAY_MS },
    ...fields,
  })
  for (const rule of faults) await system.sandbox.client.addFault({ ...rule, match: { token } })
  const { body } = await call<{ messageId: string }>('POST', '/api/messages', {
    businessType: 'ORDER',
    businessData: { orderNo: tenantId },
    attributes,
  })
  const { messageId } = body
  const detail = async () => (await call<MessageDetail>('GET', `/api/messages/${messageId}`)).body
  return {
    detail,
    final: () => finalMessage(call, messageId),
    /** The task as soon as it waits for its next attempt. */
    waiting: () =>
      until('the task to be RETRY', async () => {
        const [task] = (await detail()).tasks
        return task?.status === 'RETRY' && task
      }),
    calls: () => received(system.sandbox, token),
    attempts: async () => {
      const { body: trace } = await call<{ tasks: { attempts: object[] }[] }>('GET', `/api/messages/${messageId}/trace`)
      return trace.tasks[0]?.attempts
    },
  }
}

/** Times between the calls, as the provider saw them. */
function gaps(calls: { at: number }[]): number[] {
  return calls.slice(1).map(({ at }, index) => at - (calls[index]?.at ?? 0))
}

const http = (status: number, times = 1, headers?: Record<string, string>): FaultRule => ({
  fault: { kind: 'http', status, ...(headers ? { headers } : {}) },
  times,
})
const hang: FaultRule = { fault: { kind: 'hang', deliver: true }, times: 1 }

describe('a passing error', () => {
  test('is retried with a delay that doubles; the wait is visible, the retries are counted', async () => {
    const sent = await sendThrough([http(502, 1), http(500, 1)])
    const waiting = await sent.waiting()
    expect(waiting.retryCount).toBeGreaterThanOrEqual(1)
    expect(waiting).toMatchObject({ errorCode: 'CHANNEL_ERROR', finishTime: null })
    expect(waiting.resultMessage).toMatch(/^CHANNEL_ERROR: HTTP_50[02]/)
    expect(Number.isNaN(Date.parse(waiting.nextRetryTime ?? ''))).toBe(false)
    expect(await sent.final()).toMatchObject({
      status: 'SUCCESS',
      errorCode: null,
      tasks: [{ status: 'SUCCESS', retryCount: 2, nextRetryTime: null, errorCode: null }],
    })
    const calls = await sent.calls()
    expect(calls).toHaveLength(3)
    const [first = 0, second = 0] = gaps(calls)
    expect(first).toBeGreaterThanOrEqual(DELAY_MS)
    expect(second).toBeGreaterThanOrEqual(2 * DELAY_MS)
    expect(await sent.attempts()).toMatchObject([
      { attempt: 1, outcome: 'transient', providerCode: 'HTTP_502' },
      { attempt: 2, outcome: 'transient', providerCode: 'HTTP_500' },
      { attempt: 3, outcome: 'success' },
    ])
  })

  test('that does not pass ends after the retries that the config grants', async () => {
    const sent = await sendThrough([http(500, 9)], { retry: { max: 2, initialDelayMs: 50 } })
    expect(await sent.final()).toMatchObject({
      status: 'FAILED',
      errorCode: 'CHANNEL_ERROR',
      tasks: [{ retryCount: 2, maxRetry: 2, nextRetryTime: null }],
    })
    expect(await sent.calls()).toHaveLength(3)
  })

  test('is not waited for where the message expires before the next attempt', async () => {
    const expiresAt = new Date(Date.now() + 20_000).toISOString()
    const sent = await sendThrough([http(500, 9)], { retry: { max: 3, initialDelayMs: 60_000 } }, { expiresAt })
    const message = await sent.final()
    expect(message).toMatchObject({ status: 'FAILED', errorCode: 'EXPIRED' })
    expect(message.errorMessage).toMatch(/^EXPIRED: not sent by .*; CHANNEL_ERROR: HTTP_500/)
  })

  test('of a config without retries ends at once', async () => {
    const sent = await sendThrough([http(500, 9)], { retry: { max: 0, initialDelayMs: 50 } })
    expect(await sent.final()).toMatchObject({ status: 'FAILED', tasks: [{ retryCount: 0 }] })
    expect(await sent.calls()).toHaveLength(1)
  })
})

test('a permanent error is not retried', async () => {
  const sent = await sendThrough([{ fault: { kind: 'errcode', errcode: 400101, errmsg: 'no such robot' }, times: 9 }])
  expect(await sent.final()).toMatchObject({
    status: 'FAILED',
    errorCode: 'CHANNEL_ERROR',
    tasks: [{ retryCount: 0, resultMessage: expect.stringMatching(/^CHANNEL_ERROR: 400101 .*no such robot/) }],
  })
  expect(await sent.calls()).toHaveLength(1)
})

test('the provider’s own rate limit is waited for as long as it asks, and uses up no retry', async () => {
  const sent = await sendThrough([http(429, 2, { 'retry-after': '1' })], { retry: { max: 0, initialDelayMs: 50 } })
  expect(await sent.waiting()).toMatchObject({ retryCount: 0, errorCode: 'CHANNEL_ERROR' })
  expect(await sent.final()).toMatchObject({ status: 'SUCCESS', tasks: [{ retryCount: 0 }] })
  const calls = await sent.calls()
  expect(calls).toHaveLength(3)
  for (const gap of gaps(calls)) expect(gap).toBeGreaterThanOrEqual(1_000)
})

describe('a provider that does not answer in time: whether the message arrived is not known', () => {
  test('RESEND sends again under the same idempotency key, so that the provider shows it once', async () => {
    const sent = await sendThrough([hang])
    expect(await sent.final()).toMatchObject({ status: 'SUCCESS', tasks: [{ retryCount: 1 }] })
    const calls = await sent.calls()
    expect(calls.map(({ delivered, duplicate }) => ({ delivered, duplicate }))).toEqual([
      { delivered: true, duplicate: false },
      { delivered: false, duplicate: true },
    ])
    const keys = calls.map(({ payload }) => (payload as { msgUuid: string }).msgUuid)
    expect(keys[0]).toMatch(/^mc-\d+-\d{14}$/)
    expect(keys[1]).toBe(keys[0])
    expect(gaps(calls)[0]).toBeGreaterThanOrEqual(SEND_TIMEOUT_MS + DELAY_MS)
  })

  test('FAIL does not risk a second one', async () => {
    const sent = await sendThrough([hang], { unknownOutcomePolicy: 'FAIL' })
    const message = await sent.final()
    expect(message).toMatchObject({ status: 'FAILED', errorCode: 'CHANNEL_ERROR', tasks: [{ retryCount: 0 }] })
    expect(message.errorMessage).toMatch(/^CHANNEL_ERROR: TIMEOUT /)
    expect(await sent.calls()).toHaveLength(1)
    expect(await sent.attempts()).toMatchObject([{ outcome: 'unknown', providerCode: 'TIMEOUT' }])
  })
})

test('a dead provider of one config delays neither the other channels nor the other configs', async () => {
  const hanging = await sendThrough([{ fault: { kind: 'hang' }, times: 9 }])
  await until('the hanging call', async () => (await hanging.calls()).length > 0)
  const other = await sendThrough([])
  expect(await other.final()).toMatchObject({ status: 'SUCCESS' })
  expect(await hanging.detail()).toMatchObject({ status: 'PROCESSING' })
  expect(await hanging.final()).toMatchObject({ status: 'FAILED', tasks: [{ retryCount: 3 }] })
})
