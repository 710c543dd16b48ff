import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

let api: RunningApi
beforeAll(async () => {
  api = await startApiHere({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => api.stop())

const SETTING = '/api/system-configs/apiRequestsPerMinute'
const caller = (sub: string, tenantId = '5') => api.caller({ sub, tenantId, roles: ['admin'] })
const statuses = async (sub: string, calls: number, tenantId?: string) => {
  const all: number[] = []
  for (let call = 0; call < calls; call++) all.push((await caller(sub, tenantId)('GET', '/api/messages')).status)
  return all
}
const count = (all: number[], status: number) => all.filter((each) => each === status).length

test('a client that calls too often is told when to come again; other clients and tenants are not touched', async () => {
  expect((await caller('operator')('GET', SETTING)).body).toMatchObject({ value: 600_000, source: 'default' })
  expect((await caller('operator')('PUT', SETTING, { value: 20 })).status).toBe(200)
  await until('the limit to hold', async () => (await statuses('probe', 25)).includes(429))

  const all = await statuses('busy', 30)
  expect([count(all, 200), count(all, 429)]).toEqual([20, 10])
  const refused = await caller('busy')('POST', '/api/messages', { nonsense: true })
  expect(refused).toMatchObject({
    status: 429,
    body: { success: false, errorCode: 'TOO_MANY_REQUESTS', details: [], requestId: expect.any(String) },
  })
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60)
  expect(await statuses('calm', 3)).toEqual([200, 200, 200])
  expect(await statuses('busy', 3, '6')).toEqual([200, 200, 200])

  expect((await caller('operator')('PUT', SETTING, { value: 40 })).status).toBe(200)
  await until('the higher limit to hold without a restart', async () => (await statuses('busy', 1))[0] === 200)
})
