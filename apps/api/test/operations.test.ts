import { createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

const urls = { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') }
let api: RunningApi
beforeAll(async () => {
  api = await startApiHere(urls)
})
afterAll(() => api.stop())

interface Operation {
  summary?: string
  tags?: string[]
  parameters?: { name: string; in: string }[]
  requestBody?: { content: Record<string, { schema: Record<string, unknown> }> }
  responses: Record<string, { description: string; content?: Record<string, { schema: Record<string, unknown> }> }>
}
interface OpenApi {
  openapi: string
  info: { title: string; version: string }
  paths: Record<string, Record<string, Operation>>
}

const anonymous = () => createApiCaller(api.url, '')
const document = async () => (await anonymous()<OpenApi>('GET', '/docs/json')).body

async function operations(): Promise<[name: string, operation: Operation][]> {
  const { paths } = await document()
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  )
}

test('/docs/json is OpenAPI 3.1 and names every route of the contract so far', async () => {
  const { openapi, info } = await document()
  expect([openapi, info.title, info.version]).toEqual(['3.1.0', 'Message center', expect.any(String)])
  const names = (await operations()).map(([name]) => name)
  expect(names).toEqual(
    expect.arrayContaining([
      'POST /api/messages',
      'GET /api/messages',
      'POST /api/messages/batch',
      'GET /api/messages/{messageId}',
      'GET /api/messages/{messageId}/trace',
      'POST /api/channel-configs',
      'GET /api/channel-configs',
      'GET /api/channel-configs/{id}',
      'PUT /api/channel-configs/{id}',
      'DELETE /api/channel-configs/{id}',
      'POST /api/templates',
      'GET /api/templates',
      'GET /api/templates/{id}',
      'PUT /api/templates/{id}',
      'DELETE /api/templates/{id}',
      'GET /api/system-configs',
      'POST /api/messages/retry',
      'POST /api/messages/{messageId}/retry',
      'POST /api/messages/{messageId}/cancel',
      'POST /api/messages/{messageId}/recall',
      'GET /api/system-configs/{key}',
      'PUT /api/system-configs/{key}',
      'DELETE /api/system-configs/{key}',
      'GET /health/live',
      'GET /health/ready',
      'GET /metrics',
    ]),
  )
})

/** Their path and query say everything. */
const WITHOUT_BODY = /^POST .*\/(cancel|recall|callback-secret)$|^PUT \/api\/inbox\//

test('each operation of /docs/json says what it is for, takes the path’s parameters and describes its answers', async () => {
  for (const [name, { summary, tags, parameters = [], responses, requestBody }] of await operations()) {
    expect([name, typeof summary, tags?.length]).toEqual([name, 'string', 1])
    const inPath = parameters.filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name)
    expect([name, inPath]).toEqual([name, [...name.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter)])
    expect([name, Object.keys(responses).some((status) => status.startsWith('2'))]).toEqual([name, true])
    if (!WITHOUT_BODY.test(name)) expect([name, requestBody !== undefined]).toEqual([name, /^(POST|PUT) /.test(name)])
    for (const [status, { description }] of Object.entries(responses))
      expect([name, status, description]).toEqual([name, status, expect.any(String)])
    if (parameters.some((parameter) => parameter.in === 'query'))
      expect([name, '400' in responses]).toEqual([name, true])
    if (name.includes('/api/'))
      expect([name, ...Object.keys(responses)]).toEqual(expect.arrayContaining([name, '401', '403', '500', '503']))
  }
})

test('every reference in /docs/json leads somewhere', async () => {
  const whole = await document()
  const references = [...JSON.stringify(whole).matchAll(/"\$ref":"([^"]*)"/g)].map(([, reference]) => reference ?? '')
  for (const reference of new Set(references)) {
    const found = reference
      .slice(2)
      .split('/')
      .reduce<unknown>((part, key) => (part as Record<string, unknown> | undefined)?.[key], whole)
    expect([reference, typeof found]).toEqual([expect.stringMatching(/^#\//), 'object'])
  }
})

test('/docs serves the Swagger UI with its files, to anyone', async () => {
  const page = await anonymous()<string>('GET', '/docs')
  expect([page.status, page.body]).toEqual([200, expect.stringContaining('Swagger UI')])
  for (const [, file] of page.body.matchAll(/(?:src|href)="([^"]+\.(?:js|css))"/g)) {
    expect([file, (await anonymous()('GET', file ?? '')).status]).toEqual([file, 200])
  }
})

test('probes are open to anyone', async () => {
  expect(await anonymous()('GET', '/health/live')).toMatchObject({ status: 200, body: { status: 'ok' } })
  expect(await anonymous()('GET', '/health/ready')).toMatchObject({ status: 200, body: { status: 'ok' } })
})

test('/metrics has the contract’s names and counts what was accepted, once each', async () => {
  const call = api.caller()
  const body = { messageId: 'counted', businessType: 'ORDER', businessData: {} }
  await call('POST', '/api/messages', body)
  await call('POST', '/api/messages', body)
  await call('POST', '/api/messages', { ...body, businessType: 'OTHER' })
  await call('POST', '/api/messages/batch', [{ ...body, messageId: 'second' }, { nonsense: 1 }])
  const { headers, body: text } = await anonymous()<string>('GET', '/metrics')
  expect(headers.get('content-type')).toContain('text/plain')
  expect(text).toContain('\nmessage_center_messages_accepted_total 2\n')
  for (const name of [
    'messages_finished_total',
    'tasks_finished_total',
    'provider_request_seconds',
    'step_seconds',
    'retries_total',
    'queue_jobs',
    'queue_oldest_seconds',
  ]) {
    expect(text).toContain(`# TYPE message_center_${name} `)
  }
  expect(text).toContain('process_cpu_seconds_total')
  expect(text).toContain('nodejs_eventloop_lag_seconds')
})

test('METRICS_TOKEN closes /metrics, and nothing else opens it', async () => {
  const closed = await startApiHere(urls, { METRICS_TOKEN: 'for prometheus' })
  const statusOf = async (authorization?: string) =>
    (await fetch(`${closed.url}/metrics`, { headers: authorization ? { authorization } : {} })).status
  expect(await statusOf()).toBe(401)
  expect(await statusOf('Bearer for prometheu')).toBe(401)
  expect(await statusOf(`Bearer ${closed.environment.token()}`)).toBe(401)
  expect(await statusOf('Bearer for prometheus')).toBe(200)
  await closed.stop()
})
