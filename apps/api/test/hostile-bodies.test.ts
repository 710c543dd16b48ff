import { request } from 'node:http'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

let api: RunningApi
beforeAll(async () => {
  api = await startApiHere({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => api.stop())

const refusal = (status: number, errorCode: string) => ({
  status,
  body: {
    success: false,
    errorCode,
    errorMessage: expect.any(String),
    details: expect.any(Array),
    requestId: expect.any(String),
  },
})
const send = (text: string, type = 'application/json') =>
  api.caller()('POST', '/api/messages', text, { 'content-type': type })
const message = (businessData: string, more = '') => `{"businessType":"ORDER","businessData":${businessData}${more}}`
/** An object with `levels` objects and arrays inside each other, itself included. */
const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`

test.each([
  ['nothing', ''],
  ['half of it', '{"businessType":"ORDER",'],
  ['two values', `${message('{}')}${message('{}')}`],
  ['a trailing comma', '{"businessType":"ORDER","businessData":{},}'],
  ['NaN', message('{"a":NaN}')],
  ['a number with leading zeros', message('{"a":007}')],
  ['null', 'null'],
  ['an array', '[]'],
  ['a string', '"text"'],
  ['a number', '1'],
  ['a number beyond a double', '12345678901234567890'],
])('a body that is %s: 400', async (_, text) => {
  expect(await send(text)).toMatchObject(refusal(400, 'VALIDATION_FAILED'))
})

test.each([
  ['in businessData', message('{"__proto__":{"admin":true}}')],
  ['deep in businessData', message('{"a":[{"__proto__":1}]}')],
  ['escaped', message('{"\\u005f_proto__":{"admin":true}}')],
  ['in businessData as a string', message(JSON.stringify('{"__proto__":{"admin":true}}'))],
  ['in attributes', message('{}', ',"attributes":{"__proto__":{"priority":0}}')],
  ['beside the fields', message('{}', ',"__proto__":{"tenantId":"2"}')],
  ['by way of the constructor', message('{"constructor":{"prototype":{"admin":true}}}')],
])('a __proto__ key %s: 400', async (_, text) => {
  expect(await send(text)).toMatchObject(refusal(400, 'VALIDATION_FAILED'))
})

test('32 levels of data are taken, as object and as string; one more is refused', async () => {
  const texts = (levels: number) => [message(nested(levels)), message(JSON.stringify(nested(levels)))]
  for (const text of texts(32)) expect((await send(text)).status).toBe(202)
  for (const text of texts(33)) expect(await send(text)).toMatchObject(refusal(400, 'VALIDATION_FAILED'))
  expect((await send(message('{}', `,"attributes":${nested(32)}`))).status).toBe(202)
  expect(await send(message('{}', `,"attributes":${nested(33)}`))).toMatchObject(refusal(400, 'VALIDATION_FAILED'))
})

test.each([
  ['businessData', message(nested(100_000))],
  ['businessData with a long number', message(nested(100_000).replace('{', '{"n":1234567890123456789,'))],
  ['businessData as a string', message(JSON.stringify(nested(30_000)))],
  ['attributes', message('{}', `,"attributes":${nested(100_000)}`)],
  ['attributes.to', message('{}', `,"attributes":{"to":${nested(100_000)}}`)],
  ['an unknown field', message('{}', `,"x":${nested(100_000)}`)],
  ['the id', message('{}', `,"messageId":${nested(100_000)}`)],
  ['the body', nested(100_000)],
])('100,000 levels of %s: 400, and the process lives', async (_, text) => {
  expect(await send(text)).toMatchObject(refusal(400, 'VALIDATION_FAILED'))
  expect((await api.caller()('GET', '/health/live')).status).toBe(200)
})

test.each([
  ['a value', message('{"a":"\\ud83d"}')],
  ['a value in the wrong order', message('{"a":"\\ude00\\ud83d"}')],
  ['a key', message('{"\\ud83d":1}')],
  ['attributes', message('{}', ',"attributes":{"x":"\\udfff"}')],
  ['the business type', '{"businessType":"a\\ud83d","businessData":{}}'],
])('half a surrogate pair in %s: 400', async (_, text) => {
  expect(await send(text)).toMatchObject(refusal(400, 'VALIDATION_FAILED'))
})

test('every other character survives: NUL, whole pairs, what looks like an escape', async () => {
  const businessData = {
    'k\0': 'a\0b',
    emoji: '😀',
    escape: '\\ud83d',
    quotes: `"'\`\\`,
    line: '\u2028\r\n',
    sql: "'; --",
    percent: '%_',
  }
  const body = { messageId: 'characters', businessType: 'a\0中😀', businessData, attributes: { note: '\0\\ud83d' } }
  expect((await api.caller()('POST', '/api/messages', body)).status).toBe(202)
  expect((await api.caller()('GET', '/api/messages/characters')).body).toMatchObject(body)
})

test.each([
  'text/plain',
  'application/xml',
  'application/x-www-form-urlencoded',
  'application/merge-patch+json',
  'nonsense',
])('the media type %s: 415, on every resource', async (type) => {
  for (const path of ['/api/messages', '/api/messages/batch', '/api/channel-configs', '/api/templates']) {
    const answer = await api.caller()('POST', path, message('{}'), { 'content-type': type })
    expect(answer).toMatchObject(refusal(415, 'UNSUPPORTED_MEDIA_TYPE'))
    expect(answer.body).toMatchObject({ errorMessage: expect.stringContaining('application/json') })
  }
})

test('a charset beside application/json is fine; bytes that are not UTF-8 are not', async () => {
  expect((await send(message('{}'), 'application/json; charset=utf-8')).status).toBe(202)
  const bytes = Buffer.concat([
    Buffer.from('{"businessType":"'),
    Buffer.from([0xd6, 0xd0]),
    Buffer.from('","businessData":{}}'),
  ])
  expect(await post(bytes, { 'content-length': bytes.length })).toBe(400)
  expect(await post(bytes, { 'transfer-encoding': 'chunked' })).toBe(400)
  // A terminal in China writes GBK: its template would hold other characters.
  const template = Buffer.concat([
    Buffer.from(
      '{"businessType":"GBK","channelType":"LOCAL","messageType":"TEXT","templateName":"x","templateContent":"',
    ),
    Buffer.from([0xd6, 0xd0]),
    Buffer.from('"}'),
  ])
  expect(await post(template, { 'transfer-encoding': 'chunked' }, '/api/templates')).toBe(400)
})

test('64 KiB of businessData is taken, a byte more is not; the bytes count, not the characters', async () => {
  const data = (bytes: number) =>
    message(JSON.stringify({ a: '中'.repeat((bytes - 9) / 3) + 'x'.repeat(((bytes - 9) % 3) + 1) }))
  expect((await send(data(65_536))).status).toBe(202)
  expect(await send(data(65_537))).toMatchObject(refusal(413, 'PAYLOAD_TOO_LARGE'))
})

test('256 KiB of body is taken, a byte more is not, whatever it consists of', async () => {
  const attributes = (length: number) => message('{}', `,"attributes":{"a":"${'x'.repeat(length)}"}`)
  const room = 256 * 1024 - attributes(0).length
  expect((await send(attributes(room))).status).toBe(202)
  expect(await send(attributes(room + 1))).toMatchObject(refusal(413, 'PAYLOAD_TOO_LARGE'))
  expect(await send(`${message('{}')}${' '.repeat(256 * 1024)}`)).toMatchObject(refusal(413, 'PAYLOAD_TOO_LARGE'))
  expect(await post(Buffer.alloc(256 * 1024 + 1, ' '), { 'transfer-encoding': 'chunked' })).toBe(413)
})

/** Sends bytes as they are and tells the status; fetch would not let the framing be chosen. */
function post(
  bytes: Buffer,
  framing: Record<string, string | number>,
  path = '/api/messages',
): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const headers = { authorization: `Bearer ${api.environment.token()}`, 'content-type': 'application/json', ...framing }
  const call = request(`${api.url}${path}`, { method: 'POST', headers }, (response) => {
    response.resume()
    resolve(response.statusCode)
  })
  call.on('error', reject)
  call.end(bytes)
  return promise
}
