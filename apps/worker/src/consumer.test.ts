import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readEnv } from '@message-center/core/settings/env.ts'
import { createLogger } from '@message-center/core/telemetry/logger.ts'
import { type RedisServer, startRedis } from '@message-center/devkit/services/redis.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startConsumer } from './consumer.ts'

const folder = mkdtempSync(join(tmpdir(), 'consumer-'))
let server: RedisServer
let redis: Redis
beforeAll(async () => {
  server = await startRedis({ dir: folder })
  redis = new Redis(server.url, { maxRetriesPerRequest: null })
})
afterAll(async () => {
  redis.disconnect()
  await server.stop()
  rmSync(folder, { recursive: true })
})

test('a Redis that refuses every write (full disk, replica) is not asked in a loop, and work goes on when it takes writes again', async () => {
  const env = readEnv({
    DATABASE_URL: 'mysql://nobody@localhost/nothing',
    REDIS_URL: server.url,
    CONFIG_ENCRYPTION_KEYS: `k:${Buffer.alloc(32).toString('base64')}`,
  })
  const queue = new Queue('pipeline', { connection: redis, prefix: env.queuePrefix })
  await queue.add('waiting', {})
  // As a disk that is full does, it lets reads pass and answers each write with an error.
  await redis.config('SET', 'min-replicas-to-write', '1')
  const seen: string[] = []
  const logger = createLogger('consumer-test', 'silent')
  const consumer = startConsumer({ env, logger }, 'pipeline', 4, async (job) => void seen.push(job.name))
  let errors = 0
  consumer.worker().on('error', () => {
    errors += 1
  })
  await until('the worker to notice', () => errors > 0)
  const noticed = errors
  await delay(1_500)
  // Without a pause there are thousands.
  expect(errors - noticed).toBeLessThan(20)

  await redis.config('SET', 'min-replicas-to-write', '0')
  await until('the job', () => seen.includes('waiting'))
  await consumer.close()
  await queue.close()
})
