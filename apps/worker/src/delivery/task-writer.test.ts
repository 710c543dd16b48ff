import { findMessage } from '@message-center/core/messages/queries.ts'
import { storeDispatched } from '@message-center/devkit/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '@message-center/devkit/testing/test-database.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createTaskWriter } from './task-writer.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

test('a try that failed and was cancelled meanwhile ends its message at once, not when somebody looks', async () => {
  const finished: string[] = []
  const writer = createTaskWriter({
    pool: database.pool,
    channelOrder: () => 0,
    onFinished: (messages) => finished.push(...messages.map(({ messageId }) => messageId)),
    onError: (error) => {
      throw error
    },
  })
  const [task] = await storeDispatched(database.pool, 1)
  if (!task) throw new Error('nothing stored')
  const { taskId, createTime, messageId } = task
  const claim = { token: 'sender', dueBy: new Date(), leaseMs: 60_000, takeOverFrom: null }
  await writer.claim({ taskId, createTime, ...claim })
  await database.pool.query('UPDATE msg_channel_task SET cancelled = 1 WHERE id = ?', [taskId])
  await writer.record({
    ref: task,
    taskId,
    createTime,
    token: 'sender',
    status: 'RETRY',
    retryCount: 1,
    nextRetryTime: new Date(),
    errorCode: 'CHANNEL_ERROR',
    resultMessage: 'CHANNEL_ERROR: HTTP_500',
    thirdPartyResponse: null,
    providerMessageId: null,
    attempts: null,
  })
  await writer.drain()
  expect(finished).toEqual([messageId])
  expect(await findMessage(database.pool, '1', messageId)).toMatchObject({ status: 'FAILED', errorCode: 'CANCELLED' })
})
