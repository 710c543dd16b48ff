import { randomBytes } from 'node:crypto'
import { createAddressRules } from '@message-center/core/callbacks/address-rules.ts'
import { createCallbackClient } from '@message-center/core/callbacks/callback-client.ts'
import { createCallbackSecretStore } from '@message-center/core/callbacks/callback-secret-store.ts'
import { createSigningSecrets } from '@message-center/core/callbacks/signing-secrets.ts'
import type { CallbackRef } from '@message-center/core/messages/becoming-final.ts'
import { dispatchMessages } from '@message-center/core/messages/dispatch.ts'
import { findMessage } from '@message-center/core/messages/queries.ts'
import { createCipher } from '@message-center/core/secrets/cipher.ts'
import { createMetrics } from '@message-center/core/telemetry/metrics.ts'
import { planned, storePending } from '@message-center/devkit/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '@message-center/devkit/testing/test-database.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { type CallbackReceiver, type CallbackReply, startCallbackReceiver } from '../../test/callback-receiver.ts'
import { createCallbackSlots } from './callback-slots.ts'
import { createCallbackWriter } from './callback-writer.ts'
import { type CallbackDependencies, deliverCallback } from './deliver-callback.ts'

const HOUR = 3_600_000
const ACTOR = { subject: 'tester', requestId: 'r', ip: '::1' }
const TENANT = '1'

let database: TestDatabase
let secrets: ReturnType<typeof createCallbackSecretStore>
let deps: CallbackDependencies
/** The clock, which these tests move. */
let now: number
let receiver: CallbackReceiver
let reply: CallbackReply
beforeAll(async () => {
  receiver = await startCallbackReceiver(() => reply)
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  const cipher = createCipher([{ kid: 'k', key: randomBytes(32) }])
  secrets = createCallbackSecretStore({ pool: database.pool, cipher })
  const nothingIsCached = { subscribe: () => undefined, caughtUp: () => undefined }
  deps = {
    writer: createCallbackWriter(database.pool, (error) => {
      throw error
    }),
    client: createCallbackClient({ timeoutMs: 10_000, mayReach: createAddressRules(['127.0.0.1']) }),
    slots: createCallbackSlots(2),
    // A cache of its own for each look-up.
    secrets: (tenantId) => createSigningSecrets(database.pool, nothingIsCached)(tenantId),
    cipher,
    metrics: createMetrics(),
    sendTimeoutMs: 10_000,
    underWay: new Set(),
    now: () => now,
  }
})
afterAll(async () => {
  await deps.client.close()
  await receiver.close()
  await database.remove()
})
beforeEach(async () => {
  now = Date.now()
  receiver.received.length = 0
  reply = 204
  await secrets.create({ tenantId: TENANT, actor: ACTOR })
})

/** A message that has failed, whose callback is due. */
async function due(): Promise<CallbackRef> {
  const attributesText = JSON.stringify({ callbackUrl: `${receiver.origin}/told` })
  const [ref] = await storePending(database.pool, 1, { wantsCallback: true, attributesText })
  if (!ref) throw new Error('nothing stored')
  const failure = { code: 'TEMPLATE_NOT_FOUND', text: 'none' } as const
  const [result] = await dispatchMessages(database.pool, [{ ...planned(ref, [{ failure }]), failure }])
  if (!result?.dispatched || !result.callback) throw new Error('no callback is due')
  return result.callback
}

const callbackOf = async ({ messageId }: CallbackRef) => (await findMessage(database.pool, TENANT, messageId))?.callback

test('a receiver that never takes it is tried ten times over three days, then given up; the message tells', async () => {
  const callback = await due()
  reply = 500
  const start = now
  for (let attempt = 1; attempt < 10; attempt++) {
    const verdict = await deliverCallback(callback, deps)
    if (verdict.queue !== 'postpone') throw new Error(`attempt ${attempt}: ${verdict.queue}`)
    expect(await callbackOf(callback)).toEqual({
      state: 'DUE',
      attempts: attempt,
      lastResult: 'HTTP 500',
      nextTime: new Date(verdict.until).toISOString(),
    })
    // A job that comes too early, whoever made it, changes nothing.
    now = verdict.until - 1
    expect(await deliverCallback(callback, deps)).toEqual(verdict)
    now = verdict.until
  }
  reply = 404
  const reason = 'given up after 10 tries: HTTP 404'
  expect(await deliverCallback(callback, deps)).toEqual({ queue: 'fail', reason })
  expect(await callbackOf(callback)).toEqual({
    state: 'FAILED',
    attempts: 10,
    lastResult: 'HTTP 404',
    nextTime: null,
  })
  expect((now - start) / HOUR).toBeGreaterThan(75)
  expect((now - start) / HOUR).toBeLessThan(75 * 1.11)
  expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
  expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1)
  expect(new Set(receiver.received.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(10)
  expect(await deliverCallback(callback, deps)).toEqual({ queue: 'complete', note: 'over' })
})

test('a receiver that asks for a longer wait gets it', async () => {
  const callback = await due()
  reply = 'busy'
  expect(await deliverCallback(callback, deps)).toEqual({ queue: 'postpone', until: now + HOUR })
})

test('several jobs of one callback at once make it once', async () => {
  const callback = await due()
  const verdicts = await Promise.all(Array.from({ length: 8 }, () => deliverCallback(callback, deps)))
  expect(receiver.received).toHaveLength(1)
  expect(verdicts.filter(({ queue }) => queue === 'complete')).toHaveLength(1)
})

test.each([HOUR, -HOUR])(
  'a worker whose clock is off by %i ms neither makes what another is making nor leaves it too late',
  async (off) => {
    const callback = await due()
    const { writer } = deps
    expect(await writer.claim({ ...callback, token: 'holder', dueBy: new Date(), leaseMs: 15_000 })).toBeDefined()
    now += off
    const verdict = await deliverCallback(callback, deps)
    if (verdict.queue !== 'postpone') throw new Error(verdict.queue)
    expect(verdict.until - now).toBeGreaterThan(0)
    expect(verdict.until - now).toBeLessThanOrEqual(15_000)
    expect(await writer.claim({ ...callback, token: 'second', dueBy: new Date(now), leaseMs: 15_000 })).toBeUndefined()
    expect(receiver.received).toEqual([])
  },
)

test('what a holder who did not come back has left is made once his lease is over by the clock of the database', async () => {
  const callback = await due()
  await deps.writer.claim({ ...callback, token: 'gone', dueBy: new Date(), leaseMs: 1 })
  now -= HOUR
  await until('the lease to be over', async () => (await deliverCallback(callback, deps)).queue === 'complete')
  expect(receiver.received).toHaveLength(1)
})

test('a tenant that has lost its secret is not called; the callback waits on its schedule until there is a new one', async () => {
  const callback = await due()
  await secrets.remove({ tenantId: TENANT, actor: ACTOR })
  expect(await deliverCallback(callback, deps)).toMatchObject({ queue: 'postpone' })
  expect(receiver.received).toEqual([])
  expect(await callbackOf(callback)).toMatchObject({ state: 'DUE', lastResult: 'the tenant has no signing secret' })
  await secrets.create({ tenantId: TENANT, actor: ACTOR })
  now += 10_000
  expect(await deliverCallback(callback, deps)).toEqual({ queue: 'complete', note: 'HTTP 204' })
})

test('a secret that was replaced signs along for 24 hours and not longer', async () => {
  await secrets.remove({ tenantId: TENANT, actor: ACTOR })
  await secrets.create({ tenantId: TENANT, actor: ACTOR })
  await secrets.create({ tenantId: TENANT, actor: ACTOR })
  const signaturesAt = async (time: number) => {
    now = time
    await deliverCallback(await due(), deps)
    return String(receiver.received.at(-1)?.headers['webhook-signature']).split(' ').length
  }
  expect(await signaturesAt(Date.now() + 24 * HOUR - 60_000)).toBe(2)
  expect(await signaturesAt(Date.now() + 24 * HOUR + 1_000)).toBe(1)
})
