import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { storeDispatched } from '../../../devkit/src/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { addToResult, findSentTask } from './sent-tasks.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

async function storeTask(status: string, resultMessage: string | null) {
  const [task] = await storeDispatched(database.pool, 1)
  if (!task) throw new Error('nothing was stored')
  await database.pool.query(
    `UPDATE msg_channel_task SET status = ?, result_message = ?, provider_message_id = 'id' WHERE id = ?`,
    [status, resultMessage, task.taskId],
  )
  return task
}

test.each([
  ['ok', 'late'],
  [null, 'late'],
  ['early', 'early; late'],
])('what is told later is added to %j once', async (before, after) => {
  const task = await storeTask('SUCCESS', before)
  await addToResult(database.pool, task, 'late')
  await addToResult(database.pool, task, 'late')
  expect(await findSentTask(database.pool, task)).toEqual({ providerMessageId: 'id', resultMessage: after })
})

test('it never grows out of its column', async () => {
  const task = await storeTask('SUCCESS', 'x'.repeat(490))
  await addToResult(database.pool, task, 'late'.repeat(20))
  expect((await findSentTask(database.pool, task))?.resultMessage).toMatch(/^x{490}; latelat…$/)
})

test('a task that was not sent is left alone', async () => {
  const task = await storeTask('FAILED', 'why')
  await addToResult(database.pool, task, 'late')
  expect(await findSentTask(database.pool, task)).toBeUndefined()
})
