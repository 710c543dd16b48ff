import { createLossMarkers } from '@message-center/core/queues/loss-markers.ts'
import { createQueues, type Queues } from '@message-center/core/queues/queues.ts'
import type { RedisConnection } from '@message-center/core/queues/redis.ts'
import { type Env, readEnv } from '@message-center/core/settings/env.ts'
import { createLogger } from '@message-center/core/telemetry/logger.ts'
import { UPKEEP_METRICS } from '@message-center/core/telemetry/metric-definitions.ts'
import { createMetrics, registerMetrics } from '@message-center/core/telemetry/metrics.ts'
import { connectedRedis } from '@message-center/devkit/testing/connected-redis.ts'
import { createTestEnvironment, type TestEnvironment } from '@message-center/devkit/testing/test-environment.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createWorkerFactory } from '../bull-worker.ts'
import { startScheduler } from './scheduler.ts'

let environment: TestEnvironment
let env: Env
let redis: RedisConnection
let queues: Queues
beforeAll(async () => {
  environment = await createTestEnvironment({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  env = readEnv(environment.variables)
  redis = await connectedRedis(env)
  queues = createQueues(env, redis, () => undefined)
})
afterAll(async () => {
  await queues.close()
  redis.disconnect()
  await environment.remove()
})

test('a task whose next run was set by a clock that was an hour ahead runs now all the same', async () => {
  const every = 3_000
  const ahead = Date.now() + 3_600_000
  await queues.scheduled.upsertJobScheduler('reconcile', { every, startDate: ahead }, { name: 'reconcile' })
  expect((await queues.scheduled.getJobScheduler('reconcile'))?.next).toBe(ahead)

  let runs = 0
  const logger = createLogger('scheduler-test', 'silent')
  const factory = createWorkerFactory(env, logger)
  const scheduler = startScheduler({
    tasks: [{ name: 'reconcile', everySeconds: () => every / 1_000, run: async () => `run ${++runs}` }],
    rebuild: async () => 0,
    settings: async () => ({}) as never,
    changes: { subscribe: () => undefined },
    queue: queues.scheduled,
    markers: createLossMarkers(env, redis, () => ['scheduled']),
    createWorker: factory.createWorker,
    metrics: registerMetrics(createMetrics().registry, UPKEEP_METRICS),
    logger,
  })
  await until('a run', () => runs > 0)
  await scheduler.stop()
  await factory.close()
})
