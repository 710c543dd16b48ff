import { randomUUID } from 'node:crypto'
import { createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

const urls = { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') }
let api: RunningApi
beforeAll(async () => {
  api = await startApiHere(urls, { METRICS_TOKEN: 'a metrics token' })
})
afterAll(() => api.stop())

const get = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${api.url}${path}`, { headers, redirect: 'manual' })

test.each(['/api/messages', '/api/nothing', '/health/live', '/nothing'])(
  '%s answers data: nothing is sniffed, framed or run',
  async (path) => {
    const { headers } = await get(path)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'")
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-powered-by')).toBeNull()
  },
)

test('Swagger UI is a page under helmet: scripts of this service alone, none inline, no frames', async () => {
  const { headers } = await get('/docs/')
  const policy = headers.get('content-security-policy') ?? ''
  expect(policy).toContain("default-src 'self'")
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).not.toMatch(/script-src[^;]*unsafe/)
  expect(policy).not.toContain('upgrade-insecure-requests')
  for (const [name, value] of [
    ['x-content-type-options', 'nosniff'],
    ['x-frame-options', 'DENY'],
    ['referrer-policy', 'no-referrer'],
  ] as const) {
    expect(headers.get(name)).toBe(value)
  }
  // What the page loads exists, and it has no inline script that the policy would stop.
  const html = await (await get('/docs/')).text()
  const sources = [...html.matchAll(/<(?:script|link)[^>]*(?:src|href)="([^"]+)"/g)].map(([, source]) => source ?? '')
  expect(sources.length).toBeGreaterThan(3)
  for (const source of sources)
    expect([source, (await fetch(new URL(source, `${api.url}/docs/`))).status]).toEqual([source, 200])
  expect(html).not.toMatch(/<script(?![^>]*src=)[^>]*>/)
})

test('the metrics token: right or nothing', async () => {
  expect((await get('/metrics')).status).toBe(401)
  expect((await get('/metrics', { authorization: 'Bearer a metrics toke' })).status).toBe(401)
  expect((await get('/metrics', { authorization: 'Bearer a metrics token' })).status).toBe(200)
})

test('X-Forwarded-For counts where a trusted proxy wrote it, and only the part that strangers cannot write', async () => {
  const clientId = `mc_${randomUUID().replaceAll('-', '').slice(0, 24)}`
  const attempt = async (forwardedFor: string) =>
    (
      await createApiCaller(api.url, '')(
        'POST',
        '/api/auth/token',
        { clientId, clientSecret: 'guess' },
        { 'x-forwarded-for': forwardedFor },
      )
    ).status
  // The caller at 203.0.113.7 writes another address each time; the proxy adds the real one at the end.
  const statuses: number[] = []
  for (let call = 0; call < 31; call++) statuses.push(await attempt(`198.51.100.${call}, 203.0.113.7`))
  expect(statuses.at(-1)).toBe(429)
  expect(await attempt('203.0.113.8')).toBe(401)
})

test('small bodies have small limits', async () => {
  const call = api.caller({ roles: ['admin'] })
  const large = 'x'.repeat(300_000)
  for (const [path, body] of [
    ['/api/auth/token', { clientId: 'x'.repeat(5_000), clientSecret: 'x' }],
    ['/api/clients', { name: 'x'.repeat(20_000), roles: ['sender'] }],
    ['/api/templates', { templateContent: large }],
    ['/api/channel-configs', { configJson: large }],
  ] as const) {
    expect([path, (await call('POST', path, body)).status]).toEqual([path, 413])
  }
  expect((await call('PUT', '/api/system-configs/timeZone', { value: large })).status).toBe(413)
})
