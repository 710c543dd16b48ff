import { readFileSync } from 'node:fs'
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

const logs = ({ log }: AppProcess) => readFileSync(log ?? '', 'utf8')
const probe = async ({ url }: AppProcess, path: string) => (await fetch(`${url}${path}`)).status

test('API and worker started before npm run migrate say what they wait for, live, are not ready, and begin when it has run', async () => {
  const url = system.variables.DATABASE_URL ?? ''
  const admin = await connectDatabase({ databaseUrl: url, databaseSsl: 'off', databaseSslCa: undefined })
  const name = new URL(url).pathname.slice(1)
  await admin.query(`DROP DATABASE ${name}`)
  const live = '/health/live'
  const [api, worker] = await Promise.all([system.startApi({}, live), system.startWorker({}, live)])
  const both = [api, worker]

  const toSay = (text: string) =>
    until(`both to say: ${text}`, () => both.every((each) => logs(each).includes(`waiting for the database: ${text}`)))
  await toSay('Unknown database')
  await admin.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`)
  await toSay('it has no tables yet; npm run migrate makes them')
  expect(await Promise.all(both.map((each) => probe(each, live)))).toEqual([200, 200])
  expect(await Promise.all(both.map((each) => probe(each, '/health/ready')))).toEqual([503, 503])
  const call = createApiCaller(api.url, system.token())
  expect(await call('POST', '/api/messages', MESSAGE)).toMatchObject({
    status: 503,
    body: { errorCode: 'UNAVAILABLE' },
  })

  // As long as another one migrates, or the version before has.
  await admin.query(`USE ${name}`)
  await admin.query('CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash TEXT NOT NULL, created_at BIGINT)')
  await toSay('its schema is older than this version; npm run migrate brings it up to date')
  await migrateDatabase(admin)
  await admin.end()
  await until('both to be ready', async () => {
    const answers = await Promise.all(both.map((each) => probe(each, '/health/ready')))
    return answers.every((status) => status === 200)
  })
  await createConfig(call, 'LOCAL')
  await createTemplate(call, 'ORDER', 'LOCAL')
  expect((await call('POST', '/api/messages', MESSAGE)).status).toBe(202)
  expect((await finalMessage(call, 'first')).status).toBe('SUCCESS')
})
