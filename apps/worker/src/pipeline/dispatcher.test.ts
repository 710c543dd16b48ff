import { cancelMessage } from '@message-center/core/messages/cancel-message.ts'
import { loadMessages } from '@message-center/core/messages/load-messages.ts'
import type { MessageRef } from '@message-center/core/messages/message-ref.ts'
import { createQueues, type Queues } from '@message-center/core/queues/queues.ts'
import { createPatientRedis, type RedisConnection } from '@message-center/core/queues/redis.ts'
import { SETTINGS, type Settings } from '@message-center/core/settings/definitions.ts'
import { readEnv } from '@message-center/core/settings/env.ts'
import { storePending } from '@message-center/devkit/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '@message-center/devkit/testing/test-database.ts'
import { afterAll, beforeAll, expect, inject, test, vi } from 'vitest'
import { createContext } from './context.ts'
import { createDispatcher } from './dispatcher.ts'

let database: TestDatabase
let redis: RedisConnection
let queues: Queues
let dispatch: ReturnType<typeof createDispatcher>
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  const env = readEnv(database.variables)
  redis = createPatientRedis(env)
  const fail = (error: unknown) => {
    throw error
  }
  queues = createQueues(env, redis, fail)
  const defaults = Object.entries(SETTINGS).map(([key, { fallback }]) => [key, fallback(env)])
  const settings: Settings = Object.fromEntries(defaults)
  dispatch = createDispatcher({
    pool: database.pool,
    queues,
    settings: async () => settings,
    onEnqueueError: fail,
    onBatch: () => undefined,
    onCallbackDue: fail,
  })
})
afterAll(async () => {
  await queues.close()
  redis.disconnect()
  await database.remove()
})

/** A run of the pipeline that has come as far as the dispatch, with a slot reserved. */
async function runUnderWay() {
  const [ref] = await storePending(database.pool, 1, { targetChannels: ['LOCAL'] })
  if (!ref) throw new Error('nothing was stored')
  const message = await load(ref)
  const log = () => ({ debug: () => {}, info: () => {}, warn: () => {}, error: () => {} })
  const context = createContext(message, new Map(), ['LOCAL'], log)
  const [channel] = context.allChannels
  if (!channel) throw new Error('no channel')
  channel.renderedContent = 'hello'
  const releaseSlot = vi.fn(async () => {})
  channel.releaseSlot = releaseSlot
  return { ref, message, context, releaseSlot }
}

async function load(ref: MessageRef) {
  const [message] = await loadMessages(database.pool, [ref])
  if (!message) throw new Error('no message')
  return message
}

test('a message that was cancelled meanwhile gives its slot back and gets no job', async () => {
  const { message, context, releaseSlot } = await runUnderWay()
  await cancelMessage(message, new Map(), {
    pool: database.pool,
    channelTypes: ['LOCAL'],
    audit: async () => undefined,
  })
  await dispatch(context)
  expect(context.dispatched).toMatchObject({ dispatched: false, superseded: true })
  expect(releaseSlot).toHaveBeenCalledOnce()
  expect(await queues.channel('LOCAL').getJobCountByTypes('prioritized', 'waiting', 'delayed')).toBe(0)
})

test('a second run of the same message leaves the slot to the task of the first', async () => {
  const { context, releaseSlot } = await runUnderWay()
  await dispatch(context)
  expect(context.dispatched).toMatchObject({ dispatched: true })
  await dispatch(context)
  expect(context.dispatched).toEqual({ dispatched: false, superseded: false, begun: [] })
  expect(releaseSlot).not.toHaveBeenCalled()
  expect(await queues.channel('LOCAL').getJobCountByTypes('prioritized', 'waiting', 'delayed')).toBe(1)
})

test('a run that stood still, and reserved a slot once the task of another run had used its own, gives it back', async () => {
  const { ref, context, releaseSlot } = await runUnderWay()
  await dispatch(context)
  await database.pool.query("UPDATE msg_channel_task SET status = 'SENDING' WHERE message_id = ?", [ref.messageId])
  await dispatch(context)
  expect(context.dispatched).toEqual({ dispatched: false, superseded: false, begun: ['LOCAL'] })
  expect(releaseSlot).toHaveBeenCalledOnce()
})

test('what nothing holds back can be taken at once, however long it takes to make its job', async () => {
  const { ref, context } = await runUnderWay()
  let readings = 0
  const clock = vi
    .spyOn(Date, 'now')
    .mockImplementation(() => performance.timeOrigin + performance.now() + 50 * readings++)
  await dispatch(context)
  clock.mockRestore()
  const jobs = await queues.channel('LOCAL').getJobs(['prioritized', 'waiting', 'delayed'])
  const job = jobs.find(({ name }) => name === ref.messageId)
  expect([await job?.getState(), job?.delay]).toEqual(['prioritized', 0])
})
