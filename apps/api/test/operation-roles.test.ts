import type { Role } from '@message-center/core/contracts/caller.ts'
import { createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { createConfig } from '@message-center/devkit/testing/demo-tenant.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type Operation, operationsOf, sampleOf } from './openapi-operations.ts'
import { type RunningApi, startApiHere } from './running-api.ts'

const PLATFORM: Role[] = ['platform']
const ADMINS: Role[] = ['admin', ...PLATFORM]
const OPERATORS: Role[] = ['operator', ...ADMINS]
const VIEWERS: Role[] = ['viewer', ...OPERATORS]
const SENDERS: Role[] = ['sender', ...ADMINS]
const READERS: Role[] = ['sender', ...VIEWERS]
const INBOX_READERS: Role[] = ['inbox', ...VIEWERS]
const ALL: Role[] = ['sender', 'viewer', 'operator', 'admin', 'platform', 'inbox']

/** What the id in a path names: another tenant must not find it. `nothing`: no tenant's own object. */
type Named = 'message' | 'config' | 'template' | 'client' | 'inbox item' | 'nothing'

/** The contract: who may call what. An operation that is documented and not listed here fails the test. */
const CONTRACT: Record<string, [allowed: Role[] | 'public', named?: Named]> = {
  'POST /api/messages': [SENDERS],
  'POST /api/messages/batch': [SENDERS],
  'GET /api/messages': [READERS],
  'GET /api/messages/{messageId}': [READERS, 'message'],
  'GET /api/messages/{messageId}/trace': [VIEWERS, 'message'],
  'POST /api/messages/{messageId}/retry': [OPERATORS, 'message'],
  'POST /api/messages/retry': [OPERATORS],
  'POST /api/messages/{messageId}/recall': [OPERATORS, 'message'],
  'POST /api/messages/{messageId}/cancel': [OPERATORS, 'message'],
  'POST /api/channel-configs': [ADMINS],
  'GET /api/channel-configs': [ADMINS],
  'GET /api/channel-configs/{id}': [ADMINS, 'config'],
  'PUT /api/channel-configs/{id}': [ADMINS, 'config'],
  'DELETE /api/channel-configs/{id}': [ADMINS, 'config'],
  'POST /api/channel-configs/{id}/test': [ADMINS, 'config'],
  'POST /api/templates': [OPERATORS],
  'GET /api/templates': [OPERATORS],
  'GET /api/templates/{id}': [OPERATORS, 'template'],
  'PUT /api/templates/{id}': [OPERATORS, 'template'],
  'DELETE /api/templates/{id}': [OPERATORS, 'template'],
  'POST /api/templates/preview': [OPERATORS],
  'GET /api/system-configs': [ADMINS],
  'GET /api/system-configs/{key}': [ADMINS, 'nothing'],
  'PUT /api/system-configs/{key}': [ADMINS, 'nothing'],
  'DELETE /api/system-configs/{key}': [ADMINS, 'nothing'],
  'POST /api/clients': [ADMINS],
  'GET /api/clients': [ADMINS],
  'GET /api/clients/{id}': [ADMINS, 'client'],
  'PUT /api/clients/{id}': [ADMINS, 'client'],
  'DELETE /api/clients/{id}': [ADMINS, 'client'],
  'POST /api/auth/token': ['public'],
  'GET /api/audit-logs': [ADMINS],
  'POST /api/callback-secret': [ADMINS],
  'GET /api/callback-secret': [ADMINS],
  'DELETE /api/callback-secret': [ADMINS],
  'GET /api/inbox': [INBOX_READERS],
  'GET /api/inbox/unread-count': [INBOX_READERS],
  'PUT /api/inbox/read-all': [INBOX_READERS],
  'PUT /api/inbox/{id}/read': [INBOX_READERS, 'inbox item'],
  'GET /api/inbox/stream': ['public'],
  'POST /api/inbox/ticket': [INBOX_READERS],
  'GET /health/live': ['public'],
  'GET /health/ready': ['public'],
  'GET /metrics': ['public'],
}

const SUBJECT = 'tester'
const MARK = 'only-tenant-1-knows-this'
const NOWHERE = 'http://127.0.0.1:1'
let api: RunningApi
let operations: Operation[]
const ids = new Map<Named, string>([['nothing', 'timeZone']])

beforeAll(async () => {
  api = await startApiHere(
    { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') },
    { DINGTALK_BASE_URL: NOWHERE, DINGTALK_API_BASE_URL: NOWHERE, WECHAT_WORK_BASE_URL: NOWHERE },
  )
  operations = await operationsOf(api.url)
  await makeObjects()
})
afterAll(() => api.stop())

/** One object of each kind, of tenant 1. */
async function makeObjects(): Promise<void> {
  const call = api.caller({ roles: ['admin'] })
  const made = async (path: string, body: object) => (await call<{ id: string }>('POST', path, body)).body.id
  const template = {
    businessType: MARK,
    channelType: 'LOCAL',
    messageType: 'TEXT',
    templateName: MARK,
    templateContent: 'x',
  }
  await call('POST', '/api/messages', { messageId: MARK, businessType: MARK, businessData: {} })
  ids.set('message', MARK)
  ids.set('config', (await createConfig(call, 'LOCAL', { channelName: MARK })).id)
  ids.set('template', await made('/api/templates', template))
  ids.set('client', await made('/api/clients', { name: MARK, roles: ['sender'] }))
  const [inserted] = await api.pool.query(
    `INSERT INTO msg_inbox (tenant_id, user_id, message_id, task_id, message_type, content) VALUES (1, ?, ?, 1, 'TEXT', ?)`,
    [SUBJECT, MARK, MARK],
  )
  ids.set('inbox item', String((inserted as { insertId: number | string }).insertId))
}

const allowedBy = ({ name }: Operation) => CONTRACT[name]?.[0] ?? []
const guarded = () => operations.filter((operation) => allowedBy(operation) !== 'public')

/** The path with the id of an object of tenant 1, and the query that the operation requires. */
function target({ name, path, parameters }: Operation): string {
  const id = ids.get(CONTRACT[name]?.[1] ?? 'nothing') ?? ''
  const query = new URLSearchParams()
  for (const parameter of parameters.filter((each) => each.in === 'query')) {
    if (parameter.name === 'userId') query.set('userId', SUBJECT)
    else if (parameter.required) query.set(parameter.name, String(sampleOf(parameter.schema)))
  }
  return `${path.replace(/\{[^}]+\}/, encodeURIComponent(id))}${query.size > 0 ? `?${query}` : ''}`
}

function bodyFor({ body }: Operation): unknown {
  if (body === undefined) return undefined
  const sample = sampleOf(body)
  return body.properties?.userId ? { ...(sample as object), userId: SUBJECT } : sample
}

/** Bodies that validation, parsing and the media type would refuse. */
const NONSENSE: [body: string, type: string][] = [
  ['{"nonsense":true}', 'application/json'],
  ['{', 'application/json'],
  ['x', 'text/plain'],
]

test('every documented operation has its roles in the contract, and says what the id in its path names', () => {
  expect(operations.length).toBeGreaterThan(20)
  expect(operations.map(({ name }) => name).filter((name) => !(name in CONTRACT))).toEqual([])
  const unnamed = guarded().filter(({ name, path }) => path.includes('{') && CONTRACT[name]?.[1] === undefined)
  expect(unnamed.map(({ name }) => name)).toEqual([])
})

test('without a token, or with a bad one: 401, whatever is asked', async () => {
  const good = api.environment.token({ roles: ['admin', 'platform'] })
  const tokens = [
    '',
    'nonsense',
    `${good.slice(0, -3)}AAA`,
    good.split('.').slice(0, 2).join('.'),
    api.environment.token({ tenantId: '' }),
  ]
  for (const operation of guarded()) {
    const path = target(operation)
    for (const token of tokens) {
      const { status, body } = await createApiCaller(api.url, token)(operation.method, path, bodyFor(operation))
      expect([operation.name, token, status, body]).toMatchObject([
        operation.name,
        token,
        401,
        { success: false, errorCode: 'UNAUTHORIZED' },
      ])
    }
    if (operation.body === undefined) continue
    for (const [body, type] of NONSENSE) {
      const { status } = await createApiCaller(api.url, 'nonsense')(operation.method, path, body, {
        'content-type': type,
      })
      expect([operation.name, body, status]).toEqual([operation.name, body, 401])
    }
  }
})

test('each role alone may do what the contract says and nothing else; 403 comes before any 400 or 404', async () => {
  for (const operation of guarded()) {
    const allowed = allowedBy(operation)
    for (const role of ALL) {
      const call = api.caller({ sub: SUBJECT, roles: [role] })
      if (allowed.includes(role)) {
        // What it would change must still be there for the next role: a call that is let in, and then finds nothing.
        const { status } = await call(
          operation.method,
          target(operation).replace(/\/(\d+)(?=[/?]|$)/, '/999999'),
          bodyFor(operation),
        )
        expect([operation.name, role, status < 500 && status !== 401 && status !== 403]).toEqual([
          operation.name,
          role,
          true,
        ])
        continue
      }
      const attempts = [call(operation.method, target(operation), bodyFor(operation))]
      if (operation.body) {
        for (const [body, type] of NONSENSE)
          attempts.push(call(operation.method, target(operation), body, { 'content-type': type }))
      }
      for (const { status, body } of await Promise.all(attempts)) {
        expect([operation.name, role, status, body]).toMatchObject([
          operation.name,
          role,
          403,
          { success: false, errorCode: 'FORBIDDEN' },
        ])
      }
    }
  }
})

test('another tenant, with every role of its own: objects 404, lists without them, naming the tenant 403', async () => {
  const roles = ALL.filter((role) => role !== 'platform')
  const stranger = api.caller({ sub: SUBJECT, tenantId: '2', roles })
  for (const operation of guarded()) {
    const { name, method, path, parameters, body } = operation
    const answer = await stranger(method, target(operation), bodyFor(operation))
    if (path.includes('{') && CONTRACT[name]?.[1] !== 'nothing') {
      expect([name, answer.status, answer.body]).toMatchObject([name, 404, { errorCode: 'NOT_FOUND' }])
    }
    if (method === 'GET')
      expect([
        name,
        JSON.stringify(answer.body)
          .replace(/there is no \w+ \S+/, '')
          .includes(MARK),
      ]).toEqual([name, false])
    if (parameters.some((parameter) => parameter.name === 'tenantId')) {
      const separator = target(operation).includes('?') ? '&' : '?'
      const named = await stranger(method, `${target(operation)}${separator}tenantId=1`, bodyFor(operation))
      expect([name, 'query', named.status]).toEqual([name, 'query', 403])
    }
    if (body?.properties?.tenantId) {
      const named = await stranger(method, target(operation), { ...(bodyFor(operation) as object), tenantId: '1' })
      expect([name, 'body', named.status]).toEqual([name, 'body', 403])
    }
  }
  await expectUntouched()
})

/** Nothing of what strangers tried has changed anything of tenant 1. */
async function expectUntouched(): Promise<void> {
  const call = api.caller({ roles: ['admin'] })
  const paths = [
    `messages/${MARK}`,
    `channel-configs/${ids.get('config')}`,
    `templates/${ids.get('template')}`,
    `clients/${ids.get('client')}`,
  ]
  for (const path of paths) {
    const { status, body } = await call('GET', `/api/${path}`)
    expect([path, status, JSON.stringify(body).includes(MARK)]).toEqual([path, 200, true])
  }
}
