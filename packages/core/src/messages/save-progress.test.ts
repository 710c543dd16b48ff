import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { storeDispatched } from '../../../devkit/src/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { claimTasks, type TaskRef } from './claim-tasks.ts'
import { recordOutcomes } from './record-outcomes.ts'
import { saveProgress } from './save-progress.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

async function claim({ taskId, createTime }: TaskRef, token: string) {
  const request = {
    taskId,
    createTime,
    token,
    dueBy: null,
    leaseMs: 15_000,
    takeOverFrom: null,
  }
  const [task] = await claimTasks(database.pool, [request])
  return task
}

const NOTHING = {
  retryCount: null,
  nextRetryTime: null,
  errorCode: null,
  resultMessage: null,
  thirdPartyResponse: null,
  providerMessageId: null,
  attempts: null,
}

test('the next attempt finds what the holder of the claim saved, and nothing else', async () => {
  const [mine, other] = await storeDispatched(database.pool, 2)
  if (!mine || !other) throw new Error('nothing was stored')
  expect(await claim(mine, 'first')).toMatchObject({ claimToken: 'first', progress: null })
  await claim(other, 'other')
  const progress = JSON.stringify({ next: 100, names: ['安', '\u{1F600}'] })
  await saveProgress(database.pool, [
    { ...other, token: 'somebody else', progress: '"wrong"' },
    { ...mine, token: 'first', progress },
  ])
  await recordOutcomes(
    database.pool,
    [mine, other].map((task, index) => ({
      ...task,
      ...NOTHING,
      token: ['first', 'other'][index] ?? '',
      status: 'RETRY',
    })),
  )
  await saveProgress(database.pool, [{ ...mine, token: 'first', progress: '"too late"' }])
  expect(await claim(mine, 'second')).toMatchObject({ claimToken: 'second', progress })
  expect(await claim(other, 'second')).toMatchObject({ claimToken: 'second', progress: null })
})

test('the ids of 200 provider calls are kept', async () => {
  const [task] = await storeDispatched(database.pool, 1)
  if (!task) throw new Error('nothing was stored')
  const providerMessageId = Array.from({ length: 200 }, (_, n) => 256_271_660_000 + n).join(',')
  await claim(task, 'first')
  await recordOutcomes(database.pool, [{ ...task, ...NOTHING, token: 'first', status: 'SUCCESS', providerMessageId }])
  const [rows] = await database.pool.query('SELECT provider_message_id AS id FROM msg_channel_task WHERE id = ?', [
    task.taskId,
  ])
  expect(rows).toMatchObject([{ id: providerMessageId }])
})

test('the migration can be run again after a crash half-way', async () => {
  const url = new URL('../schema/migrations/0003_task_progress.sql', import.meta.url)
  const connection = await database.pool.getConnection()
  for (const statement of readFileSync(url, 'utf8').split('--> statement-breakpoint')) await connection.query(statement)
  connection.release()
})
