import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { planned, storePending } from '../../../devkit/src/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import type { CandidateConfig, Candidates } from '../configs/candidates.ts'
import { type Cancellation, cancelMessage } from './cancel-message.ts'
import { claimTasks, type TaskRef } from './claim-tasks.ts'
import { type DispatchedTask, dispatchMessages } from './dispatch.ts'
import { loadMessages } from './load-messages.ts'
import type { MessageRef } from './message-ref.ts'
import { finishMessages } from './message-status.ts'
import { findMessage } from './queries.ts'
import { recordOutcomes, type TaskOutcome } from './record-outcomes.ts'

const CHANNELS = ['DINGTALK', 'WECHAT_WORK', 'LOCAL']

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

async function onePending(fields = {}): Promise<MessageRef> {
  const [ref] = await storePending(database.pool, 1, fields)
  if (!ref) throw new Error('nothing was stored')
  return ref
}

async function cancel(ref: MessageRef, candidates: Candidates = new Map()): Promise<Cancellation | undefined> {
  const [message] = await loadMessages(database.pool, [ref])
  if (!message) return undefined
  return cancelMessage(message, candidates, {
    pool: database.pool,
    channelTypes: CHANNELS,
    audit: async () => undefined,
  })
}

/** Two tasks that wait to be sent. */
async function dispatched(ref: MessageRef): Promise<[DispatchedTask, DispatchedTask]> {
  const tasks = ['DINGTALK', 'LOCAL'].map((channelType) => ({ channelType }))
  const [result] = await dispatchMessages(database.pool, [planned(ref, tasks)])
  if (!result?.dispatched) throw new Error('not dispatched')
  return result.tasks as [DispatchedTask, DispatchedTask]
}

async function claim(ref: MessageRef, { taskId }: DispatchedTask): Promise<TaskRef & { token: string }> {
  const task = { taskId, createTime: ref.createTime, token: `holder-of-${taskId}` }
  await claimTasks(database.pool, [{ ...task, dueBy: new Date(), leaseMs: 60_000, takeOverFrom: null }])
  return task
}

async function record(ref: MessageRef, held: TaskRef & { token: string }, fields: Partial<TaskOutcome>): Promise<void> {
  const nothing = { retryCount: 1, errorCode: null, resultMessage: null, thirdPartyResponse: null }
  const outcome = { ...held, ...nothing, nextRetryTime: null, providerMessageId: null, attempts: null }
  await recordOutcomes(database.pool, [{ ...outcome, status: 'SUCCESS', ...fields }])
  await finishMessages(database.pool, [ref], (type) => CHANNELS.indexOf(type))
}

const detail = ({ tenantId, messageId }: MessageRef) => findMessage(database.pool, tenantId, messageId)

test('before it is dispatched: a FAILED task for every channel that it would have had', async () => {
  const ref = await onePending({ sendAt: new Date(Date.now() + 3_600_000), jobId: null })
  const candidates = new Map([
    ['LOCAL', [{ id: '7' } as CandidateConfig]],
    ['DINGTALK', [{ id: '5' } as CandidateConfig, { id: '6' } as CandidateConfig]],
  ])
  expect(await cancel(ref, candidates)).toMatchObject({ cancelled: 2, finished: [{ status: 'FAILED' }] })
  expect(await detail(ref)).toMatchObject({
    status: 'FAILED',
    errorCode: 'CANCELLED',
    totalChannels: 2,
    failedChannels: 2,
    finishTime: expect.any(String),
    tasks: [
      { channelType: 'DINGTALK', channelConfigId: '5', status: 'FAILED', errorCode: 'CANCELLED' },
      { channelType: 'LOCAL', channelConfigId: '7', status: 'FAILED', errorCode: 'CANCELLED' },
    ],
  })
  expect(await cancel(ref, candidates)).toMatchObject({ cancelled: 0 })
})

test('before it is dispatched: channels asked for count, configured or not; with none at all it counts as one', async () => {
  const asked = await onePending({ targetChannels: ['LOCAL', 'WECHAT_WORK'] })
  expect(await cancel(asked)).toMatchObject({ cancelled: 2 })
  expect((await detail(asked))?.tasks).toMatchObject([{ channelConfigId: '0' }, { channelConfigId: '0' }])
  const without = await onePending()
  expect(await cancel(without)).toMatchObject({ cancelled: 1 })
  expect(await detail(without)).toMatchObject({ status: 'FAILED', errorCode: 'CANCELLED', totalChannels: 0, tasks: [] })
})

test('a pipeline run that is under way dispatches nothing any more, and hears that it was overtaken', async () => {
  const ref = await onePending()
  await cancel(ref, new Map([['LOCAL', [{ id: '7' } as CandidateConfig]]]))
  expect(await dispatchMessages(database.pool, [planned(ref)])).toMatchObject([{ dispatched: false, superseded: true }])
})

test('what waits fails at once and is never claimed; what has arrived stays', async () => {
  const ref = await onePending()
  const [first, second] = await dispatched(ref)
  await record(ref, await claim(ref, first), {})
  const cancellation = await cancel(ref)
  expect(cancellation).toMatchObject({ cancelled: 1, finished: [{ status: 'PARTIAL_SUCCESS' }] })
  expect(cancellation?.tasks).toMatchObject([{ taskId: second.taskId, generation: 0 }])
  await claim(ref, second)
  expect(await detail(ref)).toMatchObject({
    status: 'PARTIAL_SUCCESS',
    errorCode: 'CANCELLED',
    tasks: [
      { status: 'SUCCESS' },
      { status: 'FAILED', resultMessage: 'CANCELLED: an operator cancelled it before it was sent' },
    ],
  })
})

test('a task that waits for its next try keeps telling what went wrong', async () => {
  const ref = await onePending()
  const [first] = await dispatched(ref)
  const failure = { errorCode: 'CHANNEL_ERROR', resultMessage: 'CHANNEL_ERROR: HTTP_500' } as const
  await record(ref, await claim(ref, first), { status: 'RETRY', nextRetryTime: new Date(), ...failure })
  expect(await cancel(ref)).toMatchObject({ cancelled: 2 })
  const message = await detail(ref)
  expect(message?.tasks[0]).toMatchObject({
    status: 'FAILED',
    nextRetryTime: null,
    resultMessage: 'CANCELLED: an operator cancelled it after CHANNEL_ERROR: HTTP_500',
  })
})

test('what is being sent is not cancelled: it may succeed', async () => {
  const ref = await onePending()
  const [first] = await dispatched(ref)
  const held = await claim(ref, first)
  expect(await cancel(ref)).toMatchObject({ cancelled: 1, sending: [{ taskId: first.taskId }], finished: [] })
  expect(await detail(ref)).toMatchObject({ status: 'PROCESSING', errorCode: null, tasks: [{ status: 'SENDING' }, {}] })
  await record(ref, held, { resultMessage: 'ok' })
  expect(await detail(ref)).toMatchObject({ status: 'PARTIAL_SUCCESS', errorCode: 'CANCELLED' })
})

test('what is being sent is not cancelled: should it fail for a passing reason, it is not tried again', async () => {
  const ref = await onePending()
  const [first] = await dispatched(ref)
  const held = await claim(ref, first)
  await cancel(ref)
  const failure = { errorCode: 'CHANNEL_ERROR', resultMessage: 'CHANNEL_ERROR: HTTP_500' } as const
  await record(ref, held, { status: 'RETRY', nextRetryTime: new Date(), ...failure })
  expect(await detail(ref)).toMatchObject({
    status: 'FAILED',
    errorCode: 'CANCELLED',
    tasks: [
      {
        status: 'FAILED',
        nextRetryTime: null,
        resultMessage: 'CANCELLED: not tried again after CHANNEL_ERROR: HTTP_500',
      },
      {},
    ],
  })
})
