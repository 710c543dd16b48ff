import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RedisServer, startRedis } from '../../../devkit/src/services/redis.ts'
import { until } from '../../../devkit/src/testing/until.ts'
import { redisFaults, warnOfUnfitRedis } from './check-redis.ts'
import { createFailFastRedis } from './redis.ts'

const folder = mkdtempSync(join(tmpdir(), 'check-redis-'))
let server: RedisServer
let admin: Redis
beforeAll(async () => {
  server = await startRedis({ dir: folder })
  admin = new Redis(server.url)
  await admin.call('ACL', 'SETUSER', 'admin', 'on', 'nopass', 'allkeys', 'allcommands')
  await admin.call('AUTH', 'admin', 'any')
})
afterAll(async () => {
  admin.disconnect()
  await server.stop()
  rmSync(folder, { recursive: true })
})

/** What a process that connects now logs, from level debug on. */
async function logged(): Promise<string[]> {
  const lines: string[] = []
  const logger = pino({ level: 'debug' }, { write: (line) => lines.push(JSON.parse(line).msg) })
  const env = { redisUrl: server.url, redisClusterNodes: [], redisSentinels: [], redisSentinelName: undefined }
  const redis = createFailFastRedis(env)
  warnOfUnfitRedis(redis, logger)
  await until('the connection', () => redis.status === 'ready')
  // Answers come in the order of the questions.
  await redis.ping()
  redis.disconnect()
  return lines
}

test('a server that evicts is warned of by the name of the setting', async () => {
  expect(await logged()).toEqual([])
  await admin.config('SET', 'maxmemory-policy', 'allkeys-lru')
  expect(await logged()).toEqual([expect.stringContaining('maxmemory-policy allkeys-lru')])
  await admin.config('SET', 'maxmemory-policy', 'noeviction')
})

test('a server that does not tell is no reason to warn', async () => {
  // ioredis itself asks for INFO before it is ready: it takes a refusal for an answer, too.
  await admin.call('ACL', 'SETUSER', 'default', '-info')
  expect(await logged()).toEqual(['redis does not tell its settings'])
  await admin.call('ACL', 'SETUSER', 'default', '+info')
})

test.each([
  ['5.0.14', true],
  ['6.0.20', true],
  ['6.2.0', false],
  ['6.10.1', false],
  ['7.2.4', false],
  ['10.0.0', false],
])('version %s is too old: %s', (version, tooOld) => {
  expect(redisFaults(`# Server\r\nredis_version:${version}\r\nmaxmemory_policy:noeviction\r\n`)).toHaveLength(+tooOld)
})
