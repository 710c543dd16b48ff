import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { type MysqlServer, startMysql } from '@message-center/devkit/services/mysql.ts'
import { freePort } from '@message-center/devkit/services/ports.ts'
import { type RedisServer, startRedis } from '@message-center/devkit/services/redis.ts'
import { workspaceRoot } from '@message-center/devkit/services/workspace.ts'
import { type ApiCaller, createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import type { RowDataPacket } from 'mysql2'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Health } from '../src/rpc/generated/grpc/health/v1/health_pb.js'

let folder: string
let mysql: MysqlServer
let redis: RedisServer
let system: TestSystem
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'message-center-start-'))
  mysql = await startMysql({ dir: join(folder, 'mysql') })
  redis = await startRedis({ dir: join(folder, 'redis') })
  system = await startTestSystem({ databaseUrl: mysql.url, redisUrl: redis.url, apis: 0, workers: 0 })
})
afterAll(async () => {
  await system.stop()
  await redis.stop()
  await mysql.stop()
  rmSync(folder, { recursive: true, force: true })
})

test('an API that is started before MySQL and Redis waits for both', async () => {
  await mysql.stop()
  await redis.stop()
  const starting = system.startApi()
  await redis.restart()
  await mysql.restart()
  const api = await starting
  const send = createApiCaller(api.url, system.token())
  expect((await send('POST', '/api/messages', { businessType: 'ORDER', businessData: {} })).status).toBe(202)
  expect(await api.stop()).toEqual({ code: 0, signal: null })
})

test('an API that is told to stop while it waits stops, with exit code 0', async () => {
  const { child, stderr, stdout } = startProcess({
    DATABASE_URL: `mysql://nobody@127.0.0.1:${await freePort()}/nothing`,
  })
  await until('the process to wait', () => stdout().includes('waiting for the database'))
  child.kill('SIGTERM')
  expect([await exitCode(child), stderr()]).toEqual([0, ''])
})

test.each([
  ['DATABASE_URL', { DATABASE_URL: 'postgres://localhost/x' }],
  ['JWT_SECRET', { JWT_SECRET: '' }],
  ['PORT', { PORT: '80a' }],
  ['CONFIG_ENCRYPTION_KEYS', { CONFIG_ENCRYPTION_KEYS: 'k:short' }],
  ['CHANNEL_ADAPTERS', { CHANNEL_ADAPTERS: './nowhere.ts' }],
])('a bad %s stops the start with one line that names it', async (name, variables) => {
  const { child, stderr } = startProcess(variables)
  expect(await exitCode(child)).toBe(1)
  const lines = stderr().trimEnd().split('\n')
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain(name)
})

test('SIGTERM under load: whatever was answered 202 is in the database, no request hangs, exit code 0', async () => {
  const api = await system.startApi()
  const token = system.token()
  const accepted: string[] = []
  let stopping = false
  const clients = Array.from({ length: 16 }, (_, client) =>
    sendUntilGone(createApiCaller(api.url, token), client, accepted, () => stopping),
  )
  await until('some load', () => accepted.length > 500)
  stopping = true
  expect(await api.stop('SIGTERM')).toEqual({ code: 0, signal: null })
  await Promise.all(clients)
  const [rows] = await system.pool.query<RowDataPacket[]>(
    "SELECT message_id FROM msg_message WHERE message_id LIKE 'load-%'",
  )
  const stored = new Set(rows.map((row) => row.message_id))
  expect(accepted.filter((id) => !stored.has(id))).toEqual([])
})

test('after SIGTERM readiness is gone at once and calls are answered for the grace; a second SIGTERM changes nothing, SIGINT ends it', async () => {
  const rpcPort = await freePort()
  const api = await system.startApi({ SHUTDOWN_GRACE_MS: '60000', LOG_LEVEL: 'info', RPC_PORT: String(rpcPort) })
  const health = createClient(Health, createGrpcTransport({ baseUrl: `http://127.0.0.1:${rpcPort}` }))
  expect((await health.check({})).status).toBe(1)
  // A start at which all is there gives nobody cause to wonder.
  expect(readFileSync(api.log ?? '', 'utf8')).not.toMatch(/"level":"(warn|error)"/)
  process.kill(api.pid, 'SIGTERM')
  await until('readiness to be gone', async () => (await fetch(`${api.url}/health/ready`)).status === 503)
  process.kill(api.pid, 'SIGTERM')
  await until('the second signal to be logged', () => readFileSync(api.log ?? '', 'utf8').includes('stopping already'))
  const { body } = await createApiCaller(api.url, system.token())('GET', '/health/ready')
  expect(body).toMatchObject({ errorCode: 'UNAVAILABLE', errorMessage: 'this process stops' })
  const answer = await fetch(`${api.url}/api/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${system.token()}`, 'content-type': 'application/json' },
    body: '{"businessType":"ORDER","businessData":{}}',
  })
  expect([answer.status, answer.headers.get('connection')]).toEqual([202, 'close'])
  expect((await fetch(`${api.url}/health/live`)).status).toBe(200)
  expect((await health.check({})).status).toBe(2)
  process.kill(api.pid, 'SIGINT')
  expect(await api.exited).toEqual({ code: 1, signal: null })
})

/** Sends messages and batches in turn until the API takes no connection any more; other answers than 202 are failures. */
async function sendUntilGone(
  call: ApiCaller,
  client: number,
  accepted: string[],
  stopping: () => boolean,
): Promise<void> {
  for (let index = 0; ; index++) {
    const ids = Array.from({ length: index % 10 === 0 ? 50 : 1 }, (_, entry) => `load-${client}-${index}-${entry}`)
    const bodies = ids.map((messageId) => ({ messageId, businessType: 'LOAD', businessData: { index } }))
    try {
      const { status } = await call(
        'POST',
        ids.length > 1 ? '/api/messages/batch' : '/api/messages',
        ids.length > 1 ? bodies : bodies[0],
      )
      expect(status).toBe(202)
      accepted.push(...ids)
    } catch (error) {
      // fetch says so where the connection was refused or closed.
      if (stopping() && error instanceof TypeError) return
      throw error
    }
  }
}

function startProcess(variables: Record<string, string>) {
  const child = spawn(process.execPath, ['apps/api/src/main.ts'], {
    cwd: workspaceRoot,
    env: { ...process.env, ...system.variables, PORT: '0', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk) => {
    stderr += chunk
  })
  return { child, stdout: () => stdout, stderr: () => stderr }
}

function exitCode(child: ReturnType<typeof spawn>): Promise<number | null> {
  return new Promise((resolve) => {
    child.once('close', (code) => resolve(code))
  })
}
