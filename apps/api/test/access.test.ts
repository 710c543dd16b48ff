import type { Role } from '@message-center/core/contracts/caller.ts'
import type { ChannelConfig } from '@message-center/core/contracts/channel-configs.ts'
import { createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { createConfig } from '@message-center/devkit/testing/demo-tenant.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

let api: RunningApi
beforeAll(async () => {
  api = await startApiHere({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => api.stop())

/** Every route with the roles that may call it; admin and platform besides where not said otherwise. */
const ROUTES: [method: string, path: string, roles: Role[]][] = [
  ['POST', '/api/messages', ['sender']],
  ['POST', '/api/messages/batch', ['sender']],
  ['GET', '/api/messages', ['sender', 'viewer', 'operator']],
  ['GET', '/api/messages/nowhere', ['sender', 'viewer', 'operator']],
  ['GET', '/api/messages/nowhere/trace', ['viewer', 'operator']],
  ['POST', '/api/channel-configs', []],
  ['GET', '/api/channel-configs', []],
  ['GET', '/api/channel-configs/999', []],
  ['PUT', '/api/channel-configs/999', []],
  ['DELETE', '/api/channel-configs/999', []],
  ['POST', '/api/templates', ['operator']],
  ['GET', '/api/templates', ['operator']],
  ['GET', '/api/templates/999', ['operator']],
  ['PUT', '/api/templates/999', ['operator']],
  ['DELETE', '/api/templates/999', ['operator']],
  ['GET', '/api/system-configs', []],
  ['GET', '/api/system-configs/nothing', []],
  ['PUT', '/api/system-configs/nothing', []],
  ['DELETE', '/api/system-configs/nothing', []],
]
const ROLES: Role[] = ['sender', 'viewer', 'operator', 'inbox', 'admin', 'platform']

test.each(ROUTES)(
  '%s %s: each role may or may not, and who may not learns nothing from validation',
  async (method, path, roles) => {
    const nonsense = method === 'POST' || method === 'PUT' ? { nonsense: true } : undefined
    const allowed = [...roles, 'admin', 'platform']
    for (const role of ROLES) {
      const { status, body } = await api.caller({ roles: [role] })(method, path, nonsense)
      if (allowed.includes(role)) expect([role, [200, 400, 404].includes(status)]).toEqual([role, true])
      else expect([role, status, body]).toMatchObject([role, 403, { success: false, errorCode: 'FORBIDDEN' }])
    }
    expect((await api.caller({ roles: [] })(method, path, nonsense)).status).toBe(403)
    const tooLarge = method === 'POST' ? 'x'.repeat(300_000) : undefined
    expect((await createApiCaller(api.url, '')(method, path, nonsense)).status).toBe(401)
    expect((await createApiCaller(api.url, '')(method, path, tooLarge, { 'content-type': 'text/plain' })).status).toBe(
      401,
    )
  },
)

test('roles that are no list, or unknown, give nothing', async () => {
  for (const roles of ['admin', ['ADMIN'], ['root'], [['admin']], { admin: true }, null]) {
    // A token of somebody else's making: its claims need not fit our types.
    const token = api.environment.token(JSON.parse(JSON.stringify({ roles })))
    expect((await createApiCaller(api.url, token)('GET', '/api/messages')).status).toBe(403)
  }
})

test('another tenant’s objects do not exist: 404, like what is not there at all', async () => {
  const [mine, theirs] = [api.caller(), api.caller({ tenantId: '2' })]
  await theirs('POST', '/api/messages', { messageId: 'theirs', businessType: 'ORDER', businessData: {} })
  const { id } = await createConfig(theirs, 'LOCAL')
  for (const path of ['/api/messages/theirs', '/api/messages/theirs/trace', `/api/channel-configs/${id}`]) {
    expect((await theirs('GET', path)).status).toBe(200)
    expect(await mine('GET', path)).toMatchObject({ status: 404, body: { success: false, errorCode: 'NOT_FOUND' } })
  }
  const body = { channelType: 'LOCAL', channelName: 'stolen', configJson: {} }
  expect((await mine('PUT', `/api/channel-configs/${id}`, body)).status).toBe(404)
  expect((await mine('DELETE', `/api/channel-configs/${id}`)).status).toBe(404)
  expect((await theirs<ChannelConfig>('GET', `/api/channel-configs/${id}`)).body.channelName).toBe('LOCAL')
})

test('naming another tenant is FORBIDDEN before anything is validated; a platform token may', async () => {
  const calls: [string, string, unknown?][] = [
    ['POST', '/api/messages', { tenantId: '2', nonsense: true }],
    ['POST', '/api/messages', { tenantId: 2, businessType: 'ORDER', businessData: {} }],
    ['POST', '/api/channel-configs', { tenantId: '2', nonsense: true }],
    ['PUT', '/api/channel-configs/999', { tenantId: 2, nonsense: true }],
    ['POST', '/api/templates', { tenantId: '02', nonsense: true }],
    ['GET', '/api/messages?tenantId=2&page=x', undefined],
    ['GET', '/api/messages/nowhere?tenantId=2&nonsense=1', undefined],
    ['GET', '/api/channel-configs?tenantId=2', undefined],
    ['DELETE', '/api/channel-configs/999?tenantId=2', undefined],
    ['GET', '/api/templates?tenantId=2', undefined],
    ['GET', '/api/system-configs?tenantId=2', undefined],
    ['PUT', '/api/system-configs/timeZone?tenantId=2', { value: 'UTC' }],
  ]
  for (const [method, path, body] of calls) {
    const refused = await api.caller({ roles: ['admin'] })(method, path, body)
    expect([method, path, refused.status, refused.body]).toMatchObject([method, path, 403, { errorCode: 'FORBIDDEN' }])
    expect([200, 202, 400, 404]).toContain((await api.caller({ roles: ['platform'] })(method, path, body)).status)
  }
})

test('a platform token acts for the tenant that it names', async () => {
  const platform = api.caller({ tenantId: '1', roles: ['platform'] })
  await platform('POST', '/api/messages', {
    messageId: 'for-3',
    tenantId: '3',
    businessType: 'ORDER',
    businessData: {},
  })
  expect((await api.caller({ tenantId: '3' })('GET', '/api/messages/for-3')).status).toBe(200)
  expect((await platform('GET', '/api/messages/for-3')).status).toBe(404)
  expect((await platform('GET', '/api/messages/for-3?tenantId=3')).body).toMatchObject({ tenantId: '3' })
  expect((await platform('GET', '/api/messages?tenantId=3')).body).toMatchObject({ total: 1 })
  const config = { tenantId: '3', channelType: 'LOCAL', channelName: 'x', configJson: {} }
  expect((await platform('POST', '/api/channel-configs', config)).body).toMatchObject({ tenantId: '3' })
})

test('tenants whose ids differ only beyond a double are two', async () => {
  const [one, other] = [api.caller({ tenantId: '9007199254740992' }), api.caller({ tenantId: '9007199254740993' })]
  await one('POST', '/api/messages', { messageId: 'exact', businessType: 'ORDER', businessData: {} })
  const { id } = await createConfig(one, 'LOCAL')
  expect((await other('GET', '/api/messages/exact')).status).toBe(404)
  expect((await other('GET', '/api/messages')).body).toMatchObject({ total: 0 })
  expect((await other('GET', `/api/channel-configs/${id}`)).status).toBe(404)
  expect((await other('GET', '/api/channel-configs')).body).toMatchObject({ total: 0 })
  expect((await one('GET', '/api/messages')).body).toMatchObject({
    total: 1,
    items: [{ tenantId: '9007199254740992' }],
  })
})
