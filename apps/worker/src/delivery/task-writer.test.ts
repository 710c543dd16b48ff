import type { MessageRef } from '@message-center/core/messages/message-ref.ts'
import { findMessage } from '@message-center/core/messages/queries.ts'
import { storeDispatched } from '@message-center/devkit/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '@message-center/devkit/testing/test-database.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import type { RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createTaskWriter, type RecordedOutcome } from './task-writer.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

/** What the holder `sender` of a task has to tell of it. */
function outcomeOf(task: MessageRef & { taskId: string }): RecordedOutcome {
  const { taskId, createTime } = task
  return {
    ...{ ref: task, taskId, createTime, token: 'sender', status: 'SUCCESS', retryCount: 0, nextRetryTime: null },
    ...{ errorCode: null, resultMessage: 'ok', thirdPartyResponse: null, providerMessageId: null, attempts: null },
  }
}

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
  const failure = { errorCode: 'CHANNEL_ERROR' as const, resultMessage: 'CHANNEL_ERROR: HTTP_500' }
  await writer.record({ ...outcomeOf(task), status: 'RETRY', retryCount: 1, nextRetryTime: new Date(), ...failure })
  await writer.drain()
  expect(finished).toEqual([messageId])
  expect(await findMessage(database.pool, '1', messageId)).toMatchObject({ status: 'FAILED', errorCode: 'CANCELLED' })
})

test.each(['QUERY', 'CONNECTION'])(
  'an outcome whose statement somebody ends by KILL %s is recorded all the same',
  async (what) => {
    const writer = createTaskWriter({
      ...{ pool: database.pool, channelOrder: () => 0 },
      ...{ onFinished() {}, onError() {} },
    })
    const [task] = await storeDispatched(database.pool, 1)
    if (!task) throw new Error('nothing stored')
    const { taskId, createTime, messageId } = task
    await writer.claim({ taskId, createTime, token: 'sender', dueBy: null, leaseMs: 60_000, takeOverFrom: null })
    const other = await database.pool.getConnection()
    await other.query('START TRANSACTION')
    await other.query('SELECT id FROM msg_channel_task WHERE id = ? FOR UPDATE', [taskId])
    const recorded = writer.record(outcomeOf(task))
    // It waits for the lock, as it may for a table whose months are being made.
    const id = await until('the statement', async () => {
      const [rows] = await other.query<RowDataPacket[]>('SHOW PROCESSLIST')
      return rows.find(({ Info }) => String(Info).startsWith('UPDATE msg_channel_task'))?.Id as number | undefined
    })
    await other.query(`KILL ${what} ${id}`)
    await other.query('COMMIT')
    other.release()
    await recorded
    await writer.drain()
    expect(await findMessage(database.pool, '1', messageId)).toMatchObject({ status: 'SUCCESS' })
  },
)
