import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { planned, storePending } from '../../../devkit/src/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { dispatchMessages } from './dispatch.ts'
import type { MessageRef } from './message-ref.ts'
import { findMessage } from './queries.ts'
import { retryMessages } from './retry-messages.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

async function onePending(): Promise<MessageRef> {
  const [ref] = await storePending(database.pool, 1)
  if (!ref) throw new Error('nothing was stored')
  return ref
}

test('dispatching twice writes one set of tasks, one after the other', async () => {
  const { pool } = database
  const ref = await onePending()
  const first = await dispatchMessages(pool, [planned(ref)])
  const second = await dispatchMessages(pool, [planned(ref)])
  expect(first).toMatchObject([
    { dispatched: true, status: { status: 'PROCESSING' }, tasks: [{ channelType: 'LOCAL' }] },
  ])
  expect(second).toEqual([{ dispatched: false, superseded: false, begun: [] }])
  expect((await findMessage(pool, '1', ref.messageId))?.tasks).toHaveLength(1)
})

test('dispatching twice writes one set of tasks, at the same time', async () => {
  const { pool } = database
  const ref = await onePending()
  const results = await Promise.all(Array.from({ length: 6 }, () => dispatchMessages(pool, [planned(ref)])))
  expect(results.flat().filter(({ dispatched }) => dispatched)).toHaveLength(1)
  expect((await findMessage(pool, '1', ref.messageId))?.tasks).toHaveLength(1)
})

test('two jobs that carry the same message into one batch do not spoil it', async () => {
  const { pool } = database
  const [twice, other] = [await onePending(), await onePending()]
  const results = await dispatchMessages(pool, [planned(twice), planned(other), planned(twice)])
  expect(results.map(({ dispatched }) => dispatched)).toEqual([true, true, false])
  expect((await findMessage(pool, '1', twice.messageId))?.tasks).toHaveLength(1)
})

test('a message of many recipients is stored', async () => {
  const { pool } = database
  const ref = await onePending()
  const userIds = Array.from({ length: 10_000 }, (_, index) => `user-${index}@example.com`)
  await dispatchMessages(pool, [planned(ref, [{ recipients: { userIds, mobiles: [], all: false } }])])
  expect((await findMessage(pool, '1', ref.messageId))?.status).toBe('PROCESSING')
})

test('tasks that failed on the way and one that goes on: PROCESSING with the failures told', async () => {
  const { pool } = database
  const ref = await onePending()
  const failure = { code: 'TEMPLATE_NOT_FOUND' as const, text: 'none' }
  await dispatchMessages(pool, [planned(ref, [{ channelType: 'DINGTALK', failure }, {}])])
  expect(await findMessage(pool, '1', ref.messageId)).toMatchObject({
    status: 'PROCESSING',
    totalChannels: 2,
    failedChannels: 1,
    errorCode: null,
    finishTime: null,
    tasks: [
      { status: 'FAILED', errorCode: 'TEMPLATE_NOT_FOUND', resultMessage: 'TEMPLATE_NOT_FOUND: none' },
      { status: 'PENDING', errorCode: null },
    ],
  })
})

test('a text that is cut in the middle of an emoji can still be stored', async () => {
  const { pool } = database
  const ref = await onePending()
  const failure = { code: 'CHANNEL_NOT_CONFIGURED' as const, text: `${'x'.repeat(474)}😀😀😀😀` }
  await dispatchMessages(pool, [{ ...planned(ref, [{ failure }]), failure }])
  const message = await findMessage(pool, '1', ref.messageId)
  expect(message?.errorMessage?.length).toBeLessThanOrEqual(500)
  expect(message?.status).toBe('FAILED')
})

test('so can a content that a handler has cut there, also when the pipeline runs again', async () => {
  const ref = await onePending()
  const { taskId } = await failedTask(ref)
  const selection = { cancelledToo: false }
  await retryMessages(database.pool, [ref], selection, async () => undefined)
  const plan = planned(ref, [{ renderedContent: 'cut \ud83d' }])
  const [result] = await dispatchMessages(database.pool, [{ ...plan, revision: 1, rerunChannels: ['LOCAL'] }])
  expect(result).toMatchObject({ dispatched: true, tasks: [{ taskId }] })
  expect((await findMessage(database.pool, '1', ref.messageId))?.tasks).toMatchObject([
    { renderedContent: 'cut \ufffd' },
  ])
})

async function failedTask(ref: MessageRef): Promise<{ taskId: string }> {
  const failure = { code: 'TEMPLATE_NOT_FOUND' as const, text: '' }
  await dispatchMessages(database.pool, [planned(ref, [{ failure, renderedContent: null }])])
  const message = await findMessage(database.pool, '1', ref.messageId)
  return { taskId: message?.tasks[0]?.id ?? '' }
}
