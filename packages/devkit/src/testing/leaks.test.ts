import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { connectDatabase } from '@message-center/core/database/pool.ts'
import { Redis } from 'ioredis'
import { expect, inject, test } from 'vitest'
import { rememberSecretsOf } from './leaks.ts'
import { createTestEnvironment } from './test-environment.ts'

const urls = { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') }

test('a test system that has kept a secret anywhere fails its file, and says where', async () => {
  const environment = await createTestEnvironment(urls)
  const { DATABASE_URL: databaseUrl = '', QUEUE_PREFIX = '', JWT_SECRET = '' } = environment.variables
  const [token, key] = ['leaked-access-token', 'leaked/key in a webhook']
  rememberSecretsOf({ configJson: { accessToken: token } })
  rememberSecretsOf({ configJson: { webhook: `https://example.com/send?key=${encodeURIComponent(key)}` } })

  const connection = await connectDatabase({ databaseUrl, databaseSsl: 'off', databaseSslCa: undefined })
  await connection.query(
    `INSERT INTO msg_inbox (tenant_id, user_id, message_id, task_id, message_type, content) VALUES (1, 'u', 'm', 1, 'TEXT', ?)`,
    [`sent with ${token}`],
  )
  await connection.end()
  const redis = new Redis(urls.redisUrl)
  await redis.rpush(`${QUEUE_PREFIX}:list`, `?key=${encodeURIComponent(key)}`)
  await redis.set(`${QUEUE_PREFIX}:fine`, 'nothing')
  appendFileSync(join(environment.logFolder, 'api.log'), JWT_SECRET)
  appendFileSync(join(environment.logFolder, 'worker.log'), `Bearer ${environment.token()}`)

  const error = await environment.remove().catch((thrown: Error) => thrown)
  const lines = String(error).split('\n')
  expect(lines.map((line) => line.split(':')[0])).toEqual([
    'Error',
    `table msg_inbox holds ${token}`,
    `Redis key ${QUEUE_PREFIX}`,
    `log api.log holds ${JWT_SECRET}`,
    'log worker.log holds a token',
  ])
  expect(await redis.exists(`${QUEUE_PREFIX}:list`, `${QUEUE_PREFIX}:fine`)).toBe(0)
  redis.disconnect()
})
