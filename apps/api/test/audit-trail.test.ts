import type { AuditLogEntry } from '@message-center/core/contracts/audit.ts'
import type { ChannelConfig } from '@message-center/core/contracts/channel-configs.ts'
import type { Page } from '@message-center/core/contracts/pages.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

let api: RunningApi
let call: ApiCaller

beforeAll(async () => {
  api = await startApiHere({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  call = api.caller({ sub: 'alice' })
})
afterAll(() => api.stop())

async function trail(query: string, caller = call): Promise<AuditLogEntry[]> {
  const { status, body } = await caller<Page<AuditLogEntry>>('GET', `/api/audit-logs?${query}`)
  expect(status, JSON.stringify(body)).toBe(200)
  return body.items
}

const CONFIG = {
  channelType: 'DINGTALK',
  channelName: 'group',
  configJson: { mode: 'robot', accessToken: 'token-before', secret: 'SECbefore' },
}

/** What changes by itself is nobody's change. */
function whatIsSet({ quota: _, circuit: __, ...config }: ChannelConfig) {
  return config
}

test('tells who changed what, from what to what, by which call; secrets masked, yet named where they changed', async () => {
  const headers = { 'x-request-id': 'request-of-alice' }
  const posted = await call<ChannelConfig>('POST', '/api/channel-configs', CONFIG, headers)
  const created = whatIsSet(posted.body)
  const path = `/api/channel-configs/${created.id}`
  const bob = api.caller({ sub: 'bob' })
  const configJson = { ...CONFIG.configJson, secret: 'SECafter' }
  const put = await bob<ChannelConfig>('PUT', path, { ...CONFIG, configJson, priority: 7 })
  const changed = whatIsSet(put.body)
  await bob('DELETE', path)

  const entries = await trail(`objectType=CHANNEL_CONFIG&objectId=${created.id}`)
  expect(entries).toMatchObject([
    { action: 'DELETE', actor: 'bob', before: changed, after: null, changedFields: null },
    {
      action: 'UPDATE',
      actor: 'bob',
      before: created,
      after: changed,
      changedFields: ['priority', 'configJson.secret'],
    },
    {
      action: 'CREATE',
      actor: 'alice',
      before: null,
      after: created,
      changedFields: null,
      requestId: 'request-of-alice',
      ip: '127.0.0.1',
      tenantId: '1',
    },
  ])
  expect(JSON.stringify(entries)).not.toMatch(/token-before|SECbefore|SECafter/)
})

test('templates and system configs are in it too', async () => {
  const body = { businessType: 'A', channelType: 'LOCAL', messageType: 'TEXT', templateName: 'a', templateContent: 'a' }
  const { body: template } = await call<{ id: string }>('POST', '/api/templates', body)
  await call('PUT', `/api/templates/${template.id}`, { ...body, templateContent: 'b' })
  expect(await trail(`objectType=TEMPLATE&objectId=${template.id}`)).toMatchObject([
    { action: 'UPDATE', changedFields: ['templateContent'] },
    { action: 'CREATE' },
  ])
  await call('PUT', '/api/system-configs/retryMax', { value: 9 })
  await call('PUT', '/api/system-configs/retryMax', { value: 8 })
  await call('DELETE', '/api/system-configs/retryMax')
  await call('DELETE', '/api/system-configs/retryMax')
  expect(await trail('objectType=SYSTEM_CONFIG&objectId=retryMax')).toMatchObject([
    { action: 'DELETE', before: { value: 8, source: 'tenant' }, after: { value: 3, source: 'default' } },
    { action: 'UPDATE', before: { value: 9 }, after: { value: 8 }, changedFields: ['value'] },
    { action: 'CREATE', before: { value: 3, source: 'default' }, after: { value: 9, source: 'tenant' } },
  ])
})

test('what fails leaves no entry', async () => {
  const before = await trail('')
  const statuses = [
    await call('POST', '/api/channel-configs', { ...CONFIG, configJson: { mode: 'robot' } }),
    await call('PUT', '/api/channel-configs/999', CONFIG),
    await call('DELETE', '/api/templates/999'),
    await call('PUT', '/api/system-configs/retryMax', { value: 'many' }),
    await call('PUT', '/api/system-configs/retryMax', { value: 1 }, { 'if-match': '"stale"' }),
  ].map(({ status }) => status)
  expect(statuses).toEqual([400, 404, 404, 400, 412])
  expect(await trail('')).toEqual(before)
})

test('filters, pages and order', async () => {
  const carol = api.caller({ sub: 'carol', tenantId: '5' })
  for (const value of [1, 2, 3]) await carol('PUT', '/api/system-configs/retryMax', { value })
  await api.caller({ sub: 'dave', tenantId: '5' })('PUT', '/api/system-configs/timeZone', { value: 'UTC' })
  const newestFirst = await trail('', carol)
  expect(newestFirst.map(({ actor }) => actor)).toEqual(['dave', 'carol', 'carol', 'carol'])
  const ids = newestFirst.map(({ id }) => Number(id))
  expect(ids).toEqual(ids.toSorted((a, b) => b - a))
  expect(await trail('actor=dave', carol)).toEqual(newestFirst.slice(0, 1))
  expect(await trail('page=2&pageSize=3', carol)).toEqual(newestFirst.slice(3))
  const [, , third] = newestFirst
  const time = encodeURIComponent(third?.createTime ?? '')
  for (const entry of await trail(`createdTo=${time}`, carol))
    expect(entry.createTime <= (third?.createTime ?? '')).toBe(true)
  expect(await trail(`createdFrom=${time}&createdTo=${time}`, carol)).toContainEqual(third)
  const { body } = await carol<Page<AuditLogEntry>>('GET', '/api/audit-logs?pageSize=1')
  expect(body).toMatchObject({ total: 4, page: 1, pageSize: 1 })
})

test("another tenant's trail is not to be seen; the platform's own belongs to the role platform", async () => {
  expect(await trail('', api.caller({ tenantId: '6' }))).toEqual([])
  expect((await call('GET', '/api/audit-logs?tenantId=5')).status).toBe(403)
  const platform = api.caller({ sub: 'root', roles: ['platform'] })
  await platform('PUT', '/api/system-configs/retentionMonths', { value: 6 })
  expect(await trail('tenantId=0', platform)).toMatchObject([
    { actor: 'root', objectId: 'retentionMonths', tenantId: '0' },
  ])
  expect((await api.caller({ roles: ['operator'] })('GET', '/api/audit-logs')).status).toBe(403)
})

test('a caller with a strange name and a made-up address can make changes like everybody else', async () => {
  const strange = api.caller({ sub: `${'名'.repeat(300)}\ud800` })
  const forged = { 'x-forwarded-for': 'not an address' }
  const { status } = await strange('PUT', '/api/system-configs/retryMax', { value: 2 }, forged)
  expect(status).toBe(200)
  const [entry] = await trail('')
  expect(entry).toMatchObject({ objectId: 'retryMax', ip: null })
  expect(entry?.actor.length).toBe(255)
})
