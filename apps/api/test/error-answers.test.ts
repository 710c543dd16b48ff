import { once } from 'node:events'
import { connect } from 'node:net'
import { ErrorBody } from '@message-center/core/contracts/errors.ts'
import { compileValidator } from '@message-center/core/contracts/validator.ts'
import { createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

let api: RunningApi
beforeAll(async () => {
  api = await startApiHere({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => api.stop())

const faultsOf = compileValidator({ ...ErrorBody, additionalProperties: false })
const UUID = /^[0-9a-f-]{36}$/

/** Calls with and without a token, in every way that can go wrong before or in a route. */
const FAILING: [
  what: string,
  status: number,
  code: string,
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
][] = [
  ['an unknown path', 404, 'NOT_FOUND', 'GET', '/nowhere'],
  ['an unknown path below /api', 404, 'NOT_FOUND', 'GET', '/api/nowhere?x=1'],
  ['an unknown method', 404, 'NOT_FOUND', 'PATCH', '/api/messages', {}],
  ['a trailing slash', 404, 'NOT_FOUND', 'GET', '/api/messages/nowhere/'],
  ['an id of another alphabet', 404, 'NOT_FOUND', 'GET', '/api/messages/%E4%B8%AD%F0%9F%98%80'],
  ['an id with a blank behind', 404, 'NOT_FOUND', 'GET', '/api/messages/there%20'],
  ['an id with NUL', 404, 'NOT_FOUND', 'GET', '/api/messages/there%00'],
  ['an id in other case', 404, 'NOT_FOUND', 'GET', '/api/messages/THERE'],
  ['an id of 65 characters', 404, 'NOT_FOUND', 'GET', `/api/messages/${'a'.repeat(65)}`],
  ['an id of 5000 characters', 404, 'NOT_FOUND', 'GET', `/api/messages/${'a'.repeat(5000)}`],
  ['a path that is not UTF-8', 400, 'VALIDATION_FAILED', 'GET', '/api/messages/%ff'],
  ['a broken escape', 400, 'VALIDATION_FAILED', 'GET', '/api/messages/%zz'],
  ['a config id that is no number', 400, 'VALIDATION_FAILED', 'GET', '/api/channel-configs/abc'],
  ['a config id beyond 64 bits', 400, 'VALIDATION_FAILED', 'GET', '/api/channel-configs/9223372036854775808'],
  ['an unknown config', 404, 'NOT_FOUND', 'GET', '/api/channel-configs/9223372036854775807'],
  ['an unknown template', 404, 'NOT_FOUND', 'DELETE', '/api/templates/1'],
  ['an unknown system config', 404, 'NOT_FOUND', 'GET', '/api/system-configs/toString'],
  ['broken JSON', 400, 'VALIDATION_FAILED', 'POST', '/api/messages', '{'],
  ['broken JSON to a route with a schema', 400, 'VALIDATION_FAILED', 'POST', '/api/channel-configs', '{'],
  ['a __proto__ key to a route with a schema', 400, 'VALIDATION_FAILED', 'POST', '/api/templates', '{"__proto__":{}}'],
  [
    'a body too large for a route with a schema',
    413,
    'PAYLOAD_TOO_LARGE',
    'POST',
    '/api/templates',
    `"${'x'.repeat(2 ** 20)}"`,
  ],
  [
    'another media type',
    415,
    'UNSUPPORTED_MEDIA_TYPE',
    'PUT',
    '/api/templates/1',
    'x',
    { 'content-type': 'text/html' },
  ],
  ['a compressed body', 415, 'UNSUPPORTED_MEDIA_TYPE', 'POST', '/api/messages', '{}', { 'content-encoding': 'gzip' }],
  ['no body where one is needed', 400, 'VALIDATION_FAILED', 'POST', '/api/templates', ''],
  [
    'another content for an id',
    409,
    'MESSAGE_ID_CONFLICT',
    'POST',
    '/api/messages',
    { messageId: 'there', businessType: 'B', businessData: {} },
  ],
]

test.each(FAILING)('%s: the contract’s shape', async (_, status, code, method, path, body, headers) => {
  await api.caller()('POST', '/api/messages', { messageId: 'there', businessType: 'A', businessData: {} })
  const answer = await api.caller()<{ requestId: string }>(method, path, body, headers)
  expect([answer.status, answer.body]).toMatchObject([status, { success: false, errorCode: code }])
  expect(faultsOf(answer.body)).toEqual([])
  expect(answer.headers.get('content-type')).toContain('application/json')
  expect(answer.body.requestId).toMatch(UUID)
  expect(answer.headers.get('x-request-id')).toBe(answer.body.requestId)
})

test.each([
  ['PUT', '/api/inbox/1/read', 404],
  ['PUT', '/api/inbox/read-all?userId=nobody', 200],
  ['DELETE', '/api/templates/1', 404],
  ['DELETE', '/api/system-configs/retryMax', 200],
  ['POST', '/api/callback-secret', 201],
  ['POST', '/api/messages/nowhere/cancel', 404],
])('a call that needs no body may say JSON and bring none: %s %s', async (method, path, status) => {
  const answer = await api.caller()(method, path, '', { 'content-type': 'application/json' })
  expect([answer.status, answer.body]).toMatchObject([status, expect.anything()])
})

test('every route without a token: 401 in the same shape, even for paths with nonsense behind', async () => {
  for (const path of [
    '/api/messages',
    '/api/messages/x',
    '/api/channel-configs/x',
    '/api/templates?x=1',
    '/api/system-configs',
  ]) {
    const { status, body } = await createApiCaller(api.url, '')('GET', path)
    expect([status, faultsOf(body)]).toEqual([401, []])
  }
})

test('the caller’s request id is used where it is fit for a log, else one is made', async () => {
  const idOf = async (given: string) => {
    const { body, headers } = await api.caller()<{ requestId: string }>('GET', '/api/messages/nowhere', undefined, {
      'x-request-id': given,
    })
    expect(headers.get('x-request-id')).toBe(body.requestId)
    return body.requestId
  }
  expect(await idOf('order-42:a.b_C')).toBe('order-42:a.b_C')
  expect(await idOf('x'.repeat(65))).toMatch(UUID)
  expect(await idOf('{"level":"fatal"}')).toMatch(UUID)
  const { headers } = await api.caller()('GET', '/api/messages', undefined, { 'x-request-id': 'good-answers-too' })
  expect(headers.get('x-request-id')).toBe('good-answers-too')
})

test.each([
  ['no HTTP', 'hello\r\n\r\n', 400, 'VALIDATION_FAILED'],
  ['a method that does not exist', 'FETCH / HTTP/1.1\r\nHost: x\r\n\r\n', 400, 'VALIDATION_FAILED'],
  [
    'two lengths',
    'POST /api/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    400,
    'VALIDATION_FAILED',
  ],
  [
    'a length and chunks',
    'POST /api/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n',
    400,
    'VALIDATION_FAILED',
  ],
  [
    'a blank before the colon',
    'POST /api/messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n',
    400,
    'VALIDATION_FAILED',
  ],
  ['a folded header', 'GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n', 400, 'VALIDATION_FAILED'],
  ['lines without carriage returns', 'GET / HTTP/1.1\nHost: x\n\n', 400, 'VALIDATION_FAILED'],
  [
    'headers beyond all measure',
    `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    413,
    'PAYLOAD_TOO_LARGE',
  ],
])('what is not even a request is answered in the same shape: %s', async (_, bytes, status, code) => {
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1')
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  socket.write(bytes)
  await once(socket, 'close')
  const [head = '', body = ''] = text.split('\r\n\r\n')
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  expect(JSON.parse(body)).toMatchObject({ success: false, errorCode: code })
  expect(faultsOf(JSON.parse(body))).toEqual([])
})

test('a failure on our side shows nothing of it', async () => {
  await api.pool.query('RENAME TABLE msg_template TO msg_template_gone')
  const { status, body } = await api.caller()('GET', '/api/templates')
  await api.pool.query('RENAME TABLE msg_template_gone TO msg_template')
  expect([status, body]).toMatchObject([
    500,
    { errorCode: 'INTERNAL', errorMessage: 'something went wrong on our side', details: [] },
  ])
})
