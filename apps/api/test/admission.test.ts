import { randomUUID } from 'node:crypto'
import { Code } from '@connectrpc/connect'
import { PLATFORM_TENANT } from '@message-center/core/contracts/caller.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import { grpcClient } from './rpc-callers.ts'
import { type RunningApi, startApiHere } from './running-api.ts'

// No worker: what is accepted waits.
let api: RunningApi
beforeAll(async () => {
  api = await startApiHere({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => api.stop())
afterEach(async () => {
  for (const key of LIMITS) await platform('DELETE', `/api/system-configs/${key}?tenantId=${PLATFORM_TENANT}`)
})

const LIMITS = ['maxWaitingMessages', 'maxWaitingSeconds', 'maxWaitingMessagesInAll', 'maxWaitingSecondsInAll']
let tenants = 4_100
const platform = (method: string, path: string, body?: unknown) =>
  api.caller({ tenantId: '1', roles: ['platform', 'admin'] })(method, path, body)
const message = (fields: object = {}) => ({
  messageId: randomUUID(),
  businessType: 'ORDER',
  businessData: {},
  ...fields,
})
const newTenant = (tenantId = String(tenants++)) => ({
  tenantId,
  call: api.caller({ tenantId, roles: ['sender', 'admin'] }),
  limit: async (key: string, value: number) => {
    const { status } = await platform('PUT', `/api/system-configs/${key}?tenantId=${tenantId}`, { value })
    expect(status).toBe(200)
  },
})
type Tenant = ReturnType<typeof newTenant>
const post = ({ call }: Tenant, body: unknown = message()) => call('POST', '/api/messages', body)
const stored = async ({ tenantId }: Tenant) => {
  const [rows] = await api.pool.query('SELECT COUNT(*) AS n FROM msg_message WHERE tenant_id = ?', [tenantId])
  return Number((rows as { n: unknown }[])[0]?.n)
}
const metric = async (reason: string) => {
  const text = await (await fetch(`${api.url}/metrics`)).text()
  return Number(new RegExp(`^message_center_refused_total\\{reason="${reason}"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0)
}
const tooMany = { status: 429, body: { success: false, errorCode: 'TOO_MANY_REQUESTS', details: [] } }
const unavailable = { status: 503, body: { success: false, errorCode: 'UNAVAILABLE', details: [] } }

test('a tenant with too much waiting is refused with 429 and Retry-After, whatever the body; the others are not', async () => {
  const [busy, calm] = [newTenant(), newTenant()]
  await busy.limit('maxWaitingMessages', 5)
  for (let index = 0; index < 5; index++) expect((await post(busy)).status).toBe(202)
  const refused = await post(busy)
  expect(refused).toMatchObject(tooMany)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  // Not parsed: a body that is no message, and one that is not even JSON, get the same answer.
  expect(await post(busy, { nonsense: true })).toMatchObject(tooMany)
  expect(await post(busy, '{')).toMatchObject(tooMany)
  expect(await busy.call('POST', '/api/messages/batch', [message()])).toMatchObject(tooMany)
  expect(await stored(busy)).toBe(5)
  expect((await post(calm)).status).toBe(202)
  expect((await busy.call('GET', '/api/messages')).status).toBe(200)
  expect(await metric('tenant_messages')).toBeGreaterThanOrEqual(4)
})

test('a burst of batches that come at once is let in up to the limit, and one batch more at most', async () => {
  const tenant = newTenant()
  await tenant.limit('maxWaitingMessages', 100)
  const batch = () => Array.from({ length: 50 }, () => message())
  await Promise.all(Array.from({ length: 30 }, () => tenant.call('POST', '/api/messages/batch', batch())))
  expect(await stored(tenant)).toBeGreaterThanOrEqual(100)
  expect(await stored(tenant)).toBeLessThanOrEqual(150)
  expect(await post(tenant)).toMatchObject(tooMany)
})

test('the RPC port refuses as REST does', async () => {
  const busy = newTenant()
  await busy.limit('maxWaitingMessages', 1)
  expect((await post(busy)).status).toBe(202)
  const token = api.environment.token({ tenantId: busy.tenantId, roles: ['sender'] })
  const service = 'com.messagecenter.api.MessageSendService'
  const url = `${api.rpcUrl}/${api.environment.variables.RPC_INTERFACE ?? service}/sendMessage`
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify([message()]) })
  expect({ status: answer.status, body: await answer.json() }).toMatchObject(tooMany)
  expect(answer.headers.get('retry-after')).not.toBeNull()
})

test('batches that come to the RPC port together go over a limit by one of them at most', async () => {
  const tenant = newTenant()
  await tenant.limit('maxWaitingMessages', 100)
  const authorization = `Bearer ${api.environment.token({ tenantId: tenant.tenantId, roles: ['sender'] })}`
  const client = grpcClient(api.rpcUrl, { authorization })
  const messages = Array.from({ length: 50 }, () => ({ businessType: 'ORDER', businessData: '{}' }))
  const answers = await Promise.allSettled(Array.from({ length: 20 }, () => client.batchSendMessages({ messages })))
  const refused = answers.filter(({ status }) => status === 'rejected')
  expect(refused).toHaveLength(answers.length - (await stored(tenant)) / 50)
  for (const answer of refused) expect(answer).toMatchObject({ reason: { code: Code.ResourceExhausted } })
  expect(await stored(tenant)).toBeGreaterThanOrEqual(100)
  expect(await stored(tenant)).toBeLessThanOrEqual(150)
})

test('what has become final makes room; what waits for a later sendAt takes none', async () => {
  const tenant = newTenant()
  await tenant.limit('maxWaitingMessages', 2)
  const later = message({ attributes: { sendAt: new Date(Date.now() + 3_600_000).toISOString() } })
  for (const body of [later, message(), message()]) expect((await post(tenant, body)).status).toBe(202)
  expect(await post(tenant)).toMatchObject(tooMany)
  await api.pool.query(
    "UPDATE msg_message SET status = 'SUCCESS', due_time = NULL WHERE tenant_id = ? AND send_at IS NULL",
    [tenant.tenantId],
  )
  await until('room', async () => (await post(tenant)).status === 202)
})

test('a tenant whose messages have waited too long is refused with 429', async () => {
  const [slow, calm] = [newTenant(), newTenant()]
  expect((await post(slow)).status).toBe(202)
  expect((await post(calm)).status).toBe(202)
  await slow.limit('maxWaitingSeconds', 60)
  expect((await post(slow)).status).toBe(202)
  await api.pool.query(
    'UPDATE msg_message SET send_at = NULL, create_time = create_time - INTERVAL 61 SECOND WHERE tenant_id = ? LIMIT 1',
    [slow.tenantId],
  )
  await until('the age to be seen', async () => (await post(slow)).status === 429)
  expect((await post(calm)).status).toBe(202)
})

test('with too much waiting in all everybody is refused with 503 and Retry-After, until there is room again', async () => {
  const [one, another] = [newTenant(), newTenant()]
  expect((await post(one)).status).toBe(202)
  await newTenant(PLATFORM_TENANT).limit('maxWaitingMessagesInAll', 1)
  const refused = await until('the limit to hold', async () => {
    const answer = await post(another)
    return answer.status === 503 && answer
  })
  expect(refused).toMatchObject(unavailable)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await metric('messages_in_all')).toBeGreaterThan(0)
  await newTenant(PLATFORM_TENANT).limit('maxWaitingMessagesInAll', 1_000_000)
  await until('room', async () => (await post(another)).status === 202)
})

test('a tenant cannot raise the limits that guard the others from it', async () => {
  const tenant = newTenant()
  for (const key of ['maxWaitingMessages', 'maxWaitingSeconds', 'maxWaitingMessagesInAll']) {
    expect((await tenant.call('PUT', `/api/system-configs/${key}`, { value: 9 })).status).toBe(403)
    expect((await tenant.call('DELETE', `/api/system-configs/${key}`)).status).toBe(403)
    expect((await tenant.call('GET', `/api/system-configs/${key}`)).status).toBe(200)
  }
})
