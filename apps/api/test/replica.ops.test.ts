import { mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabasePool } from '@message-center/core/database/pool.ts'
import { readEnv } from '@message-center/core/settings/env.ts'
import { createLogger } from '@message-center/core/telemetry/logger.ts'
import { type ReplicatedMysql, startReplicatedMysql } from '@message-center/devkit/services/mysql-replica.ts'
import { type ApiCaller, createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { createTestEnvironment, type TestEnvironment } from '@message-center/devkit/testing/test-environment.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import type { Pool } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { buildApp } from '../src/app.ts'

const folder = mkdtempSync(join(tmpdir(), 'replica-'))
let servers: ReplicatedMysql
let environment: TestEnvironment
let app: Awaited<ReturnType<typeof buildApp>>['app']
let call: ApiCaller
let onReplica: Pool
beforeAll(async () => {
  servers = await startReplicatedMysql(folder)
  environment = await createTestEnvironment({ databaseUrl: servers.primary.url, redisUrl: inject('redisUrl') })
  const { pathname } = new URL(environment.variables.DATABASE_URL ?? '')
  const replicaUrl = Object.assign(new URL(servers.replica.url), { pathname }).href
  const env = readEnv({ ...environment.variables, DATABASE_REPLICA_URL: replicaUrl })
  onReplica = createDatabasePool({ databaseUrl: replicaUrl, databaseSsl: 'off', databaseSslCa: undefined }, 2)
  const logFile = openSync(join(environment.logFolder, 'api.log'), 'a')
  const log = { write: (line: string) => writeSync(logFile, line) }
  app = (await buildApp(env, createLogger('api-test', env.logLevel, log))).app
  call = createApiCaller(await app.listen({ host: '127.0.0.1', port: 0 }), environment.token())
})
afterAll(async () => {
  await app.close()
  await onReplica.end()
  await environment.remove()
  await servers.stop()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

async function post(messageId: string): Promise<void> {
  const body = { messageId, businessType: 'ORDER', businessData: {} }
  expect(await call('POST', '/api/messages', body)).toMatchObject({ status: 202 })
}

interface Listed {
  items: { messageId: string; businessType: string }[]
}
const list = async () => (await call<Listed>('GET', '/api/messages?pageSize=200')).body.items

/** A trait that only the replica has tells where a list comes from. */
async function markOnReplica(messageId: string): Promise<void> {
  await until('the row on the replica', async () => {
    const change = 'UPDATE msg_message SET business_type = ? WHERE message_id = ?'
    const [result] = await onReplica.query(change, ['SEEN_ON_REPLICA', messageId])
    return (result as { affectedRows: number }).affectedRows === 1
  })
}
const isFromReplica = async () => (await list()).some(({ businessType }) => businessType === 'SEEN_ON_REPLICA')

test('lists come from the replica, and who has just posted finds it there, time after time', async () => {
  await post('marked')
  await markOnReplica('marked')
  for (let n = 0; n < 100; n++) {
    await post(`own-${n}`)
    expect((await list()).map(({ messageId }) => messageId)).toContain(`own-${n}`)
  }
  expect(await isFromReplica()).toBe(true)
})

test('a replica that does not keep up is passed over, and taken again once it does', async () => {
  await servers.follow(false)
  await post('while-it-lags')
  expect((await list()).map(({ messageId }) => messageId)).toContain('while-it-lags')
  expect(await isFromReplica()).toBe(false)
  await servers.follow(true)
  await until('lists from the replica', isFromReplica)
})

test('a replica that is killed is passed over, and taken again once it is back', async () => {
  await servers.replica.stop('SIGKILL')
  await post('while-it-is-away')
  expect((await list()).map(({ messageId }) => messageId)).toContain('while-it-is-away')
  await servers.replica.restart()
  await until('it to answer', () =>
    servers.follow(true).then(
      () => true,
      () => false,
    ),
  )
  await until('lists from the replica', isFromReplica)
})

test('a replica that hangs holds nobody up for long', async () => {
  process.kill(servers.replica.pid, 'SIGSTOP')
  try {
    await post('while-it-hangs')
    expect((await list()).map(({ messageId }) => messageId)).toContain('while-it-hangs')
  } finally {
    process.kill(servers.replica.pid, 'SIGCONT')
  }
  await until('lists from the replica', isFromReplica)
})

test('with the primary away, lists are still answered, with what the replica has', async () => {
  await servers.primary.stop('SIGKILL')
  expect(await isFromReplica()).toBe(true)
  expect(await call('POST', '/api/messages', { businessType: 'ORDER', businessData: {} })).toMatchObject({
    status: 503,
  })
  await servers.primary.restart()
})
