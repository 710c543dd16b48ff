import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Pool, RowDataPacket } from 'mysql2/promise'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { type RedisServer, startRedis } from '../../../devkit/src/services/redis.ts'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import type { Caller } from '../contracts/caller.ts'
import type { PipelineJob } from '../queues/jobs.ts'
import { createQueues, type Queues } from '../queues/queues.ts'
import { createPatientRedis, type RedisConnection } from '../queues/redis.ts'
import { type Env, readEnv } from '../settings/env.ts'
import { type Acceptor, createAcceptor } from './accept.ts'

const caller: Caller = { subject: 's', tenantId: '1', roles: ['platform'] }
const body = (messageId: string, fields = {}) => ({ messageId, businessType: 'ORDER', businessData: {}, ...fields })

let folder: string
let redis: RedisServer
let database: TestDatabase
let env: Env
let connection: RedisConnection
let queues: Queues
let acceptor: Acceptor
let flushes: number[]
let enqueueErrors: unknown[]

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'message-center-accept-'))
  redis = await startRedis({ dir: folder })
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: redis.url })
  env = readEnv(database.variables)
})
afterAll(async () => {
  await database.remove()
  await redis.stop()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(() => {
  // Its commands never time out: whoever waits for a Redis that hangs waits for ever.
  connection = createPatientRedis(env)
  queues = createQueues(env, connection, () => {})
  flushes = []
  enqueueErrors = []
  acceptor = acceptorOn(database.pool)
})
afterEach(async () => {
  await acceptor.close()
  await queues.pipeline.obliterate({ force: true })
  await queues.close()
  connection.disconnect()
})

function acceptorOn(pool: Pool): Acceptor {
  return createAcceptor({
    pool,
    queues,
    rules: { channelTypes: new Set(['LOCAL']), hasCallbackSecret: () => false, callbackUrlFault: () => undefined },
    onFlush: ({ length }) => flushes.push(length),
    onEnqueueError: (error) => enqueueErrors.push(error),
  })
}

/** Lets every microtask that is due run: what was handed in has been validated, and no commit can have come back. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function storedIds(pattern: string): Promise<string[]> {
  const [rows] = await database.pool.query<RowDataPacket[]>(
    'SELECT message_id FROM msg_message WHERE message_id LIKE ? ORDER BY 1',
    [pattern],
  )
  return rows.map((row) => row.message_id)
}

test('an idle acceptor commits at once; what comes in meanwhile shares the next commit', async () => {
  const first = acceptor.accept(body('flush-first'), caller)
  await settled()
  expect(acceptor.depth()).toBe(1)
  const rest = Array.from({ length: 700 }, (_, index) => acceptor.accept(body(`flush-${index}`), caller))
  const outcomes = await Promise.all([first, ...rest])
  expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['new']))
  expect(flushes).toEqual([1, 500, 200])
  expect(await storedIds('flush-%')).toHaveLength(701)
})

test('within one commit an id stands for the content that is stored, whoever stored it', async () => {
  await acceptor.accept(body('taken', { businessData: { content: 'stored' } }), caller)
  const contents = ['other', 'stored', 'other', 'stored', 'third']
  const results = await Promise.allSettled(
    contents.map((content) => acceptor.accept(body('taken', { businessData: { content } }), caller)),
  )
  expect(flushes).toEqual([1, 0])
  expect(results.map((result) => (result.status === 'fulfilled' ? result.value.outcome : result.reason.code))).toEqual([
    'MESSAGE_ID_CONFLICT',
    'same',
    'MESSAGE_ID_CONFLICT',
    'same',
    'MESSAGE_ID_CONFLICT',
  ])
})

test('a new id several times in one commit: the first is new, equal ones the same, others conflicts', async () => {
  const contents = ['a', 'b', 'a', 'b']
  const results = await Promise.allSettled(
    contents.map((content) => acceptor.accept(body('fresh', { businessData: { content } }), caller)),
  )
  expect(results.map((result) => (result.status === 'fulfilled' ? result.value.outcome : result.reason.code))).toEqual([
    'new',
    'MESSAGE_ID_CONFLICT',
    'same',
    'MESSAGE_ID_CONFLICT',
  ])
  expect(await storedIds('fresh')).toEqual(['fresh'])
})

test('two acceptors that commit the same ids in opposite order: each id is new once', async () => {
  const other = acceptorOn(database.pool)
  const ids = Array.from({ length: 400 }, (_, index) => `both-${index}`)
  const [here, there] = await Promise.all([
    Promise.all(ids.map((id) => acceptor.accept(body(id), caller))),
    Promise.all(ids.toReversed().map((id) => other.accept(body(id), caller))),
  ])
  expect([...here, ...there].filter(({ outcome }) => outcome === 'new')).toHaveLength(400)
  expect(await storedIds('both-%')).toHaveLength(400)
  await other.close()
})

test('a row that the database refuses fails alone; the others of its commit are stored', async () => {
  await database.pool.query(
    `CREATE TRIGGER refuse BEFORE INSERT ON msg_message FOR EACH ROW
     IF NEW.business_type = 'POISON' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'; END IF`,
  )
  const types = ['ORDER', 'POISON', 'ORDER']
  const results = await Promise.allSettled(
    types.map((businessType, index) => acceptor.accept(body(`poison-${index}`, { businessType }), caller)),
  )
  await database.pool.query('DROP TRIGGER refuse')
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(await storedIds('poison-%')).toEqual(['poison-0', 'poison-2'])
  // Nothing of it stayed behind: the id is free.
  expect(await acceptor.accept(body('poison-1'), caller)).toMatchObject({ outcome: 'new' })
})

test('jobs carry what was new: one tenant and priority each, at most 16 messages; what is to be sent later has none yet', async () => {
  const sendAt = new Date(Date.now() + 60_000).toISOString()
  const bodies = [
    ...Array.from({ length: 20 }, (_, index) => body(`job-${index}`)),
    body('job-urgent', { attributes: { priority: 0 } }),
    body('job-other-tenant', { tenantId: '2' }),
    body('job-later', { attributes: { sendAt } }),
    body('job-0'),
  ]
  await Promise.all(bodies.map((each) => acceptor.accept(each, caller)))
  await acceptor.close()
  const jobs = await queues.pipeline.getJobs(['prioritized', 'waiting', 'delayed'])
  const carried = jobs.map(({ data }: { data: PipelineJob }) => ({
    tenantId: data.tenantId,
    size: data.messages.length,
  }))
  expect(carried.sort((a, b) => b.size - a.size || (a.tenantId < b.tenantId ? -1 : 1))).toEqual([
    { tenantId: '1', size: 16 },
    { tenantId: '1', size: 4 },
    { tenantId: '1', size: 1 },
    { tenantId: '2', size: 1 },
  ])
  const [rows] = await database.pool.query<RowDataPacket[]>(
    "SELECT message_id FROM msg_message WHERE message_id LIKE 'job-%' AND job_id IS NULL",
  )
  expect(rows).toEqual([{ message_id: 'job-later' }])
})

test('nobody waits for a Redis that hangs, however many commits come; the jobs are there when it goes on', async () => {
  await connection.ping()
  process.kill(redis.pid, 'SIGSTOP')
  try {
    for (let index = 0; index < 20; index++) await acceptor.accept(body(`hung-${index}`), caller)
    // More than may wait for it: the reconciler will see to those.
    for (let round = 0; round < 11; round++) {
      await Promise.all(
        Array.from({ length: 500 }, (_, index) => acceptor.accept(body(`many-${round}-${index}`), caller)),
      )
    }
    expect(enqueueErrors.length).toBeGreaterThan(0)
  } finally {
    process.kill(redis.pid, 'SIGCONT')
  }
  await acceptor.close()
  const counts = await queues.pipeline.getJobCounts('prioritized', 'waiting')
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(20)
  expect(await storedIds('hung-%')).toHaveLength(20)
  expect(await storedIds('many-%')).toHaveLength(5500)
})

test('closing waits for what is in hand', async () => {
  const accepted = Promise.all(
    Array.from({ length: 50 }, (_, index) => acceptor.accept(body(`closing-${index}`), caller)),
  )
  await settled()
  expect(acceptor.depth()).toBe(50)
  await acceptor.close()
  expect(acceptor.depth()).toBe(0)
  expect(await storedIds('closing-%')).toHaveLength(50)
  await accepted
})
