import type { Setting } from '@message-center/core/contracts/settings.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

let api: RunningApi
let admin: ApiCaller
let platform: ApiCaller

beforeAll(async () => {
  api = await startApiHere(
    { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') },
    { RETRY_MAX: '4', TIME_ZONE: 'Asia/Tokyo' },
  )
  admin = api.caller()
  platform = api.caller({ tenantId: '9', roles: ['platform'] })
})
afterAll(() => api.stop())

const path = (key: string) => `/api/system-configs/${key}`

test("a value is the tenant's own, else the platform's, else the environment's", async () => {
  const seen = async () => (await admin<Setting>('GET', path('retryMax'))).body
  expect(await seen()).toMatchObject({ key: 'retryMax', value: 4, defaultValue: 4, source: 'default' })
  await platform('PUT', `${path('retryMax')}?tenantId=0`, { value: 6 })
  expect(await seen()).toMatchObject({ value: 6, defaultValue: 4, source: 'platform' })
  await admin('PUT', path('retryMax'), { value: 7 })
  expect(await seen()).toMatchObject({ value: 7, defaultValue: 4, source: 'tenant' })
  const { body: list } = await admin<Setting[]>('GET', '/api/system-configs')
  expect(list.find(({ key }) => key === 'retryMax')).toEqual(await seen())
  expect(list.find(({ key }) => key === 'timeZone')).toMatchObject({ value: 'Asia/Tokyo', source: 'default' })
  const other = await api.caller({ tenantId: '2' })<Setting>('GET', path('retryMax'))
  expect(other.body).toMatchObject({ value: 6, source: 'platform' })
  expect((await admin('DELETE', path('retryMax'))).body).toMatchObject({ value: 6, source: 'platform' })
  await platform('DELETE', `${path('retryMax')}?tenantId=0`)
  expect(await seen()).toMatchObject({ value: 4, source: 'default' })
})

test('every setting is described, and takes its own default back', async () => {
  const { body: list } = await admin<Setting[]>('GET', '/api/system-configs')
  for (const { key, value, description } of list) {
    expect(description).not.toBe('')
    const answer = await platform<Setting>('PUT', path(key), { value })
    expect(answer, key).toMatchObject({ status: 200, body: { value } })
  }
})

test('what holds for the whole platform is set by the role platform only, and so are the defaults of all tenants', async () => {
  for (const [key, value] of [
    ['logLevel', 'fatal'],
    ['retentionMonths', 3],
  ] as const) {
    expect((await admin('PUT', path(key), { value })).status).toBe(403)
    expect((await admin('DELETE', path(key))).status).toBe(403)
    expect((await platform('PUT', path(key), { value })).body).toMatchObject({ value, source: 'platform' })
    expect((await admin('GET', path(key))).body).toMatchObject({ value })
  }
  expect((await admin('PUT', `${path('retryMax')}?tenantId=0`, { value: 1 })).status).toBe(403)
  const adminOfZero = api.caller({ tenantId: '0' })
  expect((await adminOfZero('PUT', path('retryMax'), { value: 1 })).status).toBe(403)
  expect((await api.caller({ roles: ['operator'] })('GET', '/api/system-configs')).status).toBe(403)
})

test.for([
  ['retryMax', -1],
  ['retryMax', 1.5],
  ['retryMax', '3'],
  ['retryMax', null],
  ['timeZone', 'Mars/Olympus'],
  ['retryInitialDelayMs', 0],
  ['sendingPaused', 'yes'],
  ['apiRequestsPerMinute', 0],
] as const)('%s does not take %j', async ([key, value]) => {
  expect(await admin('PUT', path(key), { value })).toMatchObject({
    status: 400,
    body: { details: [{ path: 'value' }] },
  })
})

test('a key that does not exist is a 404, whatever its name', async () => {
  for (const key of ['nothing', '__proto__', 'constructor', 'toString']) {
    expect((await admin('GET', path(key))).status).toBe(404)
    expect((await admin('PUT', path(key), { value: 1 })).status).toBe(404)
    expect((await admin('DELETE', path(key))).status).toBe(404)
  }
})
