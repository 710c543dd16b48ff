import type { PipelineJob } from '@message-center/core/queues/jobs.ts'
import { createQueues } from '@message-center/core/queues/queues.ts'
import type { RedisConnection } from '@message-center/core/queues/redis.ts'
import { type Env, readEnv } from '@message-center/core/settings/env.ts'
import { createLogger } from '@message-center/core/telemetry/logger.ts'
import { connectedRedis } from '@message-center/devkit/testing/connected-redis.ts'
import { storePending } from '@message-center/devkit/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '@message-center/devkit/testing/test-database.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import type { RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createWorkerFactory } from '../bull-worker.ts'
import { startPipelineWorker } from './pipeline-worker.ts'

let database: TestDatabase
let env: Env
let redis: RedisConnection
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  env = readEnv(database.variables)
  redis = await connectedRedis(env)
})
afterAll(async () => {
  redis.disconnect()
  await database.remove()
})

test('faults of the system that come after the death of a worker make nobody a poisoner', async () => {
  const logger = createLogger('pipeline-test', 'silent')
  const queues = createQueues(env, redis, () => undefined)
  const [ref] = await storePending(database.pool, 1)
  if (!ref) throw new Error('nothing was stored')
  const data: PipelineJob = { tenantId: ref.tenantId, messages: [[ref.messageId, ref.createTime]] }
  const job = await queues.pipeline.add('left behind', data, { attempts: 100, backoff: { type: 'fixed', delay: 1 } })
  // As BullMQ finds it after its worker has died.
  await redis.hset(queues.pipeline.toKey(job.id ?? ''), 'stc', 1)

  const runs: boolean[] = []
  const quarantine = {
    async run(_: unknown, { alone }: { alone: boolean }) {
      runs.push(alone)
      if (runs.length < 15) throw new Error('something that a handler needs is away')
    },
  }
  const neverRun = async () => {
    throw new Error('what may have ended a worker runs in quarantine, and is not set aside')
  }
  const runner = { run: neverRun, setAside: neverRun }
  const factory = createWorkerFactory(env, logger)
  startPipelineWorker(1, factory.createWorker, { pool: database.pool, runner, quarantine })
  await until('the job to end', async () => (await job.getState()) === 'completed')
  await factory.close()
  await queues.close()
  expect(runs).toEqual(Array(15).fill(false))
  const [[row]] = await database.pool.query<RowDataPacket[]>(
    'SELECT interruptions FROM msg_message WHERE message_id = ?',
    [ref.messageId],
  )
  expect(row?.interruptions).toBe(1)
})
