import type { AuditLogEntry } from '@message-center/core/contracts/audit.ts'
import type { CallbackSecret, NewCallbackSecret } from '@message-center/core/contracts/callbacks.ts'
import type { Page } from '@message-center/core/contracts/pages.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import type { RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

const PATH = '/api/callback-secret'
const urls = { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') }
let api: RunningApi
let other: RunningApi
beforeAll(async () => {
  api = await startApiHere(urls)
  // Another process of the same system.
  other = await startApiHere(urls, { ...api.environment.variables })
})
afterAll(async () => {
  await other.stop()
  await api.stop()
})

const make = async (call: ApiCaller, query = '', body?: object) => {
  const answer = await call<NewCallbackSecret>('POST', `${PATH}${query}`, body)
  expect(answer.status, JSON.stringify(answer.body)).toBe(201)
  return answer.body
}

const post = async (call: ApiCaller, callbackUrl = 'https://example.com/told') =>
  call<{ details: { path: string }[] }>('POST', '/api/messages', {
    businessType: 'ORDER',
    businessData: {},
    attributes: { callbackUrl },
  })

async function stored(): Promise<string> {
  const tables = ['msg_callback_secret', 'msg_audit_log', 'msg_config_change']
  const rows = await Promise.all(tables.map((table) => api.pool.query<RowDataPacket[]>(`SELECT * FROM ${table}`)))
  return JSON.stringify(rows.map(([list]) => list))
}

test('the secret is shown once: neither GET, nor the audit trail, nor the tables hold it', async () => {
  const call = api.caller({ tenantId: '21', sub: 'alice' })
  expect(await call('GET', PATH)).toMatchObject({ status: 404, body: { errorCode: 'NOT_FOUND' } })
  const { secret, ...shown } = await make(call)
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
  expect(shown).toEqual({ tenantId: '21', createTime: expect.any(String), previousUntil: null })
  expect((await call('GET', PATH)).body).toEqual(shown)
  const renewed = await make(call, '', {})
  expect(Date.parse(renewed.previousUntil ?? '') - Date.now()).toBeGreaterThan(23.9 * 3_600_000)
  await call('DELETE', PATH)
  const trail = await call<Page<AuditLogEntry>>('GET', '/api/audit-logs?objectType=CALLBACK_SECRET')
  expect(trail.body.items).toMatchObject([
    { action: 'DELETE', actor: 'alice', before: { previousUntil: renewed.previousUntil }, after: null },
    { action: 'UPDATE', before: shown, after: { tenantId: '21' }, changedFields: expect.arrayContaining(['secret']) },
    { action: 'CREATE', before: null, after: shown },
  ])
  for (const each of [secret, renewed.secret]) {
    expect(JSON.stringify(trail.body)).not.toContain(each)
    expect(await stored()).not.toContain(each.replace('whsec_', ''))
  }
})

test('a callbackUrl needs a secret of its tenant: refused before, taken at once after, on every process', async () => {
  const call = api.caller({ tenantId: '22' })
  const elsewhere = createApiCaller(other.url, api.environment.token({ tenantId: '22' }))
  for (const each of [call, elsewhere]) {
    expect(await post(each)).toMatchObject({ status: 400, body: { details: [{ path: 'attributes.callbackUrl' }] } })
  }
  await make(call)
  for (const each of [elsewhere, call]) expect((await post(each)).status).toBe(202)
  expect((await post(api.caller({ tenantId: '23' }))).status).toBe(400)
  expect((await call('DELETE', PATH)).body).toBe(true)
  for (const each of [call, elsewhere])
    await until('it to be refused again', async () => (await post(each)).status === 400)
  expect((await call('DELETE', PATH)).status).toBe(404)
})

test('only the role platform may name another tenant, in the body or in the query', async () => {
  const platform = api.caller({ tenantId: '1', roles: ['platform'] })
  expect(await make(platform, '', { tenantId: '24' })).toMatchObject({ tenantId: '24' })
  expect(await make(platform, '?tenantId=25')).toMatchObject({ tenantId: '25' })
  expect((await platform<CallbackSecret>('GET', `${PATH}?tenantId=24`)).body.tenantId).toBe('24')
  const stranger = api.caller({ tenantId: '1' })
  for (const [method, query, body] of [
    ['POST', '', { tenantId: '24' }],
    ['POST', '?tenantId=24', undefined],
    ['GET', '?tenantId=24', undefined],
    ['DELETE', '?tenantId=24', undefined],
  ] as const) {
    expect((await stranger(method, `${PATH}${query}`, body)).status).toBe(403)
  }
  expect((await platform('GET', `${PATH}?tenantId=24`)).status).toBe(200)
  expect((await stranger('POST', PATH, { secret: 'whsec_mine' })).status).toBe(400)
})

test('made again and again, the newest five sign; older ones are gone from the table', async () => {
  const call = api.caller({ tenantId: '26' })
  for (let count = 0; count < 8; count++) await make(call)
  const [rows] = await api.pool.query<RowDataPacket[]>(
    'SELECT expire_time FROM msg_callback_secret WHERE tenant_id = 26 ORDER BY id DESC',
  )
  expect(rows.map(({ expire_time }) => expire_time === null)).toEqual([true, false, false, false, false])
})

test('the document tells receivers what they are sent', async () => {
  const { body } = await api.caller()<{ webhooks: Record<string, { post: { parameters: { name: string }[] } }> }>(
    'GET',
    '/docs/json',
  )
  expect(body.webhooks['message.finished']?.post.parameters.map(({ name }) => name)).toEqual([
    'webhook-id',
    'webhook-timestamp',
    'webhook-signature',
  ])
})
