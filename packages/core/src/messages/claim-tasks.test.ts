import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { storeDispatched } from '../../../devkit/src/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { type ClaimRequest, claimTasks, type TaskRef } from './claim-tasks.ts'
import { postponeTasks } from './postpone-tasks.ts'
import { recordOutcomes, type TaskOutcome } from './record-outcomes.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

function request({ taskId, createTime }: TaskRef, token: string, fields: Partial<ClaimRequest> = {}): ClaimRequest {
  return {
    taskId,
    createTime,
    token,
    dueBy: new Date(),
    leaseMs: 15_000,
    takeOverFrom: null,
    ...fields,
  }
}

function outcome({ taskId, createTime }: TaskRef, fields: Partial<TaskOutcome>): TaskOutcome {
  return {
    taskId,
    createTime,
    token: null,
    status: 'SUCCESS',
    retryCount: 0,
    nextRetryTime: null,
    errorCode: null,
    resultMessage: null,
    thirdPartyResponse: null,
    providerMessageId: null,
    attempts: null,
    ...fields,
  }
}

async function oneTask(): Promise<TaskRef> {
  const [task] = await storeDispatched(database.pool, 1)
  if (!task) throw new Error('nothing was stored')
  return task
}

test('of all who ask for the same tasks at once, one gets each', async () => {
  const tasks = await storeDispatched(database.pool, 50)
  const askers = ['a', 'b', 'c', 'd']
  const answers = await Promise.all(
    askers.map((token) =>
      claimTasks(
        database.pool,
        tasks.map((task) => request(task, token)),
      ),
    ),
  )
  for (const [index, task] of tasks.entries()) {
    const holders = answers.map((claimed) => claimed[index]?.claimToken)
    expect(new Set(holders).size, task.taskId).toBe(1)
    expect(askers).toContain(holders[0])
  }
})

test('two requests for one task in the same batch: one gets it', async () => {
  const task = await oneTask()
  const [first, second] = await claimTasks(database.pool, [request(task, 'first'), request(task, 'second')])
  expect(['first', 'second']).toContain(first?.claimToken)
  expect(second?.claimToken).toBe(first?.claimToken)
})

test('a held task is taken over only from the holder that is named', async () => {
  const task = await oneTask()
  await claimTasks(database.pool, [request(task, 'holder', { leaseMs: 0 })])
  const [wrong] = await claimTasks(database.pool, [request(task, 'thief', { takeOverFrom: 'somebody' })])
  expect(wrong?.claimToken).toBe('holder')
  const [right] = await claimTasks(database.pool, [request(task, 'heir', { takeOverFrom: 'holder' })])
  expect(right?.claimToken).toBe('heir')
})

test('a held task is not taken over before its lease is over, whatever the asking process thinks what time it is', async () => {
  const task = await oneTask()
  const [held] = await claimTasks(database.pool, [request(task, 'holder', { leaseMs: 60_000 })])
  expect(held?.leaseEndsAt).toBeGreaterThan(performance.now() + 50_000)
  const [early] = await claimTasks(database.pool, [request(task, 'thief', { takeOverFrom: 'holder' })])
  expect(early?.claimToken).toBe('holder')
})

test('an outcome counts only for the holder: who was taken over from changes nothing', async () => {
  const task = await oneTask()
  await claimTasks(database.pool, [request(task, 'lost', { leaseMs: 0 })])
  await claimTasks(database.pool, [request(task, 'heir', { takeOverFrom: 'lost' })])
  await recordOutcomes(database.pool, [outcome(task, { token: 'lost', status: 'FAILED' })])
  const [after] = await claimTasks(database.pool, [request(task, 'look')])
  expect(after).toMatchObject({ status: 'SENDING', claimToken: 'heir' })
})

test.each(['SUCCESS', 'FAILED'] as const)('a task that is %s is never claimed again', async (status) => {
  const task = await oneTask()
  await claimTasks(database.pool, [request(task, 'sender')])
  await recordOutcomes(database.pool, [outcome(task, { token: 'sender', status })])
  const [after] = await claimTasks(database.pool, [
    request(task, 'late'),
    request(task, 'later', { takeOverFrom: 'sender' }),
  ])
  expect(after).toMatchObject({ status, claimToken: null })
  await recordOutcomes(database.pool, [outcome(task, { status: status === 'SUCCESS' ? 'FAILED' : 'SUCCESS' })])
  const [unchanged] = await claimTasks(database.pool, [request(task, 'late')])
  expect(unchanged?.status).toBe(status)
})

test('a task that waits for its time is not claimed before it', async () => {
  const task = await oneTask()
  const until = new Date(Date.now() + 60_000)
  await postponeTasks(database.pool, [{ ...task, until }])
  const [early] = await claimTasks(database.pool, [request(task, 'early')])
  expect(early).toMatchObject({ status: 'PENDING', claimToken: null })
  const [inTime] = await claimTasks(database.pool, [request(task, 'in time', { dueBy: until })])
  expect(inTime).toMatchObject({ status: 'SENDING', claimToken: 'in time' })
})

test('one that is asked for and does not exist is undefined; the others are claimed', async () => {
  const task = await oneTask()
  const missing = { ...task, taskId: '9223372036854775000' }
  const [none, some] = await claimTasks(database.pool, [request(missing, 'x'), request(task, 'x')])
  expect(none).toBeUndefined()
  expect(some?.claimToken).toBe('x')
})

test.each([
  [
    'an emoji cut in the middle',
    { resultMessage: `${'x'.repeat(5)}\ud83d`, thirdPartyResponse: `${'x'.repeat(3_999)}😀` },
  ],
  ['a text longer than the column', { resultMessage: 'y'.repeat(600) }],
  ['the NUL character', { resultMessage: 'a\u0000b', thirdPartyResponse: '\u0000' }],
  [
    'many attempts with long details',
    {
      attempts: Array.from({ length: 80 }, (_, index) => ({
        attempt: index + 1,
        at: new Date().toISOString(),
        durationMs: 1,
        outcome: 'transient',
        detail: '失败'.repeat(5_000),
      })),
    },
  ],
])('an outcome with %s is stored', async (_title, fields) => {
  const task = await oneTask()
  await claimTasks(database.pool, [request(task, 'sender')])
  await recordOutcomes(database.pool, [outcome(task, { token: 'sender', ...fields })])
  const [after] = await claimTasks(database.pool, [request(task, 'look')])
  expect(after?.status).toBe('SUCCESS')
  expect(JSON.parse(after?.attempts ?? '[]')).toHaveLength(
    Math.min(50, (fields as Partial<TaskOutcome>).attempts?.length ?? 0),
  )
})
