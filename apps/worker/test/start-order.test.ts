import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { migrateDatabase } from '@message-center/core/database/migrate.ts'
import { connectDatabase } from '@message-center/core/database/pool.ts'
import { createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { type AppProcess, startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

const MESSAGE = { messageId: 'first', businessType: 'ORDER', businessData: { orderNo: 1, userId: 'u1' } }

let system: TestSystem
beforeAll(async () => {
  const urls = { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') }
  system = await startTestSystem({ ...urls, apis: 0, workers: 0 })
})
afterAll(() => system.stop())

test('API and worker started before npm run migrate say what they wait for, are not ready, and begin when it has run', async () => {
  const url = system.variables.DATABASE_URL ?? ''
  const admin = await connectDatabase({ databaseUrl: url, databaseSsl: 'off', databaseSslCa: undefined })
  const name = new URL(url).pathname.slice(1)
  await admin.query(`DROP DATABASE ${name}`)
  const starting = system.startApi()
  const worker = await system.startWorker({}, '/health/live')
  const apiLog = await until('the API to log', () => apiLogs(worker)[0])

  const toSay = (text: string) =>
    until(`both to say: ${text}`, () =>
      [apiLog, worker.log ?? ''].every((log) =>
        readFileSync(log, 'utf8').includes(`waiting for the database: ${text}`),
      ),
    )
  await toSay('Unknown database')
  await admin.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`)
  await toSay('it has no tables yet; npm run migrate makes them')
  expect((await fetch(`${worker.url}/health/ready`)).status).toBe(503)
  expect((await fetch(`${worker.url}/health/live`)).status).toBe(200)
  expect(system.apis).toEqual([])

  // As long as another one migrates, or the version before has.
  await admin.query(`USE ${name}`)
  await admin.query('CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash TEXT NOT NULL, created_at BIGINT)')
  await toSay('its schema is older than this version; npm run migrate brings it up to date')
  await migrateDatabase(admin)
  await admin.end()
  const call = createApiCaller((await starting).url, system.token())
  await until('the worker to be ready', async () => (await fetch(`${worker.url}/health/ready`)).ok)
  await createConfig(call, 'LOCAL')
  await createTemplate(call, 'ORDER', 'LOCAL')
  expect((await call('POST', '/api/messages', MESSAGE)).status).toBe(202)
  expect((await finalMessage(call, 'first')).status).toBe('SUCCESS')
})

/** The logs of API processes in the folder where the worker's is. */
function apiLogs({ log = '' }: AppProcess): string[] {
  const folder = dirname(log)
  return readdirSync(folder)
    .filter((file) => file.startsWith('api-'))
    .map((file) => join(folder, file))
}
