import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../../devkit/src/testing/test-database.ts'
import { createTestSender } from '../adapter-test-kit.ts'
import { createLocalAdapter } from './index.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

test('recall takes the message out of every inbox, and out of no other', async () => {
  const { send, recall } = createTestSender(createLocalAdapter({ pool: database.pool }), {})
  const recipients = { userIds: ['u1', 'u2'], mobiles: [], all: false }
  await send({ recipients })
  await send({ recipients, task: { tenantId: '1', messageId: 'other', taskId: '8' } })
  await send({ recipients, task: { tenantId: '2', messageId: 'other', taskId: '9' } })
  expect(await recall(null)).toEqual({ recalled: true })
  const [rows] = await database.pool.query('SELECT task_id, user_id FROM msg_inbox ORDER BY id')
  expect(rows).toEqual([
    { task_id: '8', user_id: 'u1' },
    { task_id: '8', user_id: 'u2' },
    { task_id: '9', user_id: 'u1' },
    { task_id: '9', user_id: 'u2' },
  ])
  expect(await recall(null)).toEqual({ recalled: false, reason: 'no inbox holds it any more' })
})
