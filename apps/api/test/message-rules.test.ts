import type { ErrorBody } from '@message-center/core/contracts/errors.ts'
import type { MessageDetail } from '@message-center/core/contracts/messages.ts'
import type { Static } from 'typebox'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

let api: RunningApi
beforeAll(async () => {
  api = await startApiHere({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => api.stop())

const DAY = 86_400_000
const ahead = (ms: number) => new Date(Date.now() + ms).toISOString()
const plain = { businessType: 'ORDER', businessData: { a: 1 } }
const send = (fields: object, claims = {}) =>
  api.caller(claims)<Static<typeof ErrorBody>>('POST', '/api/messages', { ...plain, ...fields })

/** Sends a body as JSON text, in which numbers may stand that JavaScript does not have. */
const sendText = (fields: string) =>
  api.caller()<Static<typeof ErrorBody>>(
    'POST',
    '/api/messages',
    `{"businessType":"ORDER","businessData":{},${fields}}`,
  )

async function stored(fields: object): Promise<MessageDetail> {
  const { status, body } = await send(fields)
  expect([status, body]).toEqual([202, { success: true, messageId: expect.any(String) }])
  return (await api.caller()<MessageDetail>('GET', `/api/messages/${body.messageId}`)).body
}

/** The refusal names the field, and the message where its id is known. */
async function expectRefused(fields: object, path: string): Promise<void> {
  const { status, body } = await send({ messageId: 'refused', ...fields })
  expect([status, body.errorCode, body.details[0]?.path]).toEqual([400, 'VALIDATION_FAILED', path])
  expect(body.errorMessage).toContain(path)
  if (!('messageId' in fields)) expect(body.messageId).toBe('refused')
}

test.each([
  '9007199254740993',
  '9007199254740992',
  '12345678901234567890',
  '-1',
  '"-1"',
  '1.5',
  '1e3',
  '"1.0"',
  '"9223372036854775808"',
  '"99999999999999999999"',
  '"abc"',
  '""',
  '" 7"',
  '"0x10"',
  'true',
  '{}',
  '[1]',
])('an id that is no 64-bit integer is refused, never rounded: %s', async (id) => {
  for (const field of ['storeId', 'tenantId']) {
    const { status, body } = await sendText(`"${field}":${id}`)
    expect([status, body.errorCode, body.details[0]?.path]).toEqual([400, 'VALIDATION_FAILED', field])
  }
})

test.each([
  ['"9223372036854775807"', '9223372036854775807'],
  ['9007199254740991', '9007199254740991'],
  ['"9007199254740993"', '9007199254740993'],
  ['"007"', '7'],
  ['0', '0'],
  ['null', null],
])('storeId %s is taken and comes back as %s', async (given, answered) => {
  const { status, body } = await sendText(`"storeId":${given}`)
  expect(status).toBe(202)
  expect((await api.caller()('GET', `/api/messages/${body.messageId}`)).body).toMatchObject({ storeId: answered })
})

test('"007" and 7 name the same tenant', async () => {
  expect((await send({ tenantId: '01' })).status).toBe(202)
  expect((await send({ tenantId: '007' }, { tenantId: '7' })).status).toBe(202)
})

test.each(['a/b', '', 'a b', '中', 'a'.repeat(65), 'a\n', '%', 1, null, {}])(
  'messageId %j is refused',
  async (messageId) => {
    await expectRefused({ messageId }, 'messageId')
  },
)

test('the largest id of all characters is taken', async () => {
  const messageId = `AZaz09._:-${'x'.repeat(54)}`
  expect((await stored({ messageId })).messageId).toBe(messageId)
})

test.each(['', 'x'.repeat(65), 1, null, undefined])('businessType %j is refused', (businessType) =>
  expectRefused({ businessType }, 'businessType'),
)
test('a businessType may have 64 characters of any alphabet', async () => {
  expect((await stored({ businessType: '😀'.repeat(64) })).businessType).toBe('😀'.repeat(64))
})

test.each([[], null, 1, true, undefined, '[]', '1', 'null', 'x', '', '"{}"'])(
  'businessData %j is refused',
  (businessData) => expectRefused({ businessData }, 'businessData'),
)
test('businessData as a string is stored as the object that it holds', async () => {
  expect((await stored({ businessData: ' {"a": {"b": [1]}} ' })).businessData).toEqual({ a: { b: [1] } })
  expect((await stored({ businessData: '{}' })).businessData).toEqual({})
})

test.each([
  [['NOPE'], 'targetChannels.0'],
  [['LOCAL', 'LOCAL', 'NOPE'], 'targetChannels.2'],
  [['local'], 'targetChannels.0'],
  [[1], 'targetChannels.0'],
  [[], 'targetChannels'],
  ['LOCAL', 'targetChannels'],
  [Array(33).fill('LOCAL'), 'targetChannels'],
])('targetChannels %j is refused', (targetChannels, path) => expectRefused({ targetChannels }, path))
test('targetChannels come back as asked, a repeated one once', async () => {
  expect((await stored({ targetChannels: ['LOCAL', 'DINGTALK', 'LOCAL'] })).targetChannels).toEqual([
    'LOCAL',
    'DINGTALK',
  ])
  expect((await stored({})).targetChannels).toBeNull()
})

test.each([
  ['priority', [-1, 10, 1.5, '1', null]],
  [
    'sendAt',
    [
      ahead(30 * DAY + 60_000),
      'tomorrow',
      '2026-02-30T00:00:00Z',
      '2026-11-24T10:00:00',
      '2026-12-31T23:59:60Z',
      '0000-01-01T00:00:00+14:00',
      1,
      '',
    ],
  ],
  ['expiresAt', ['9999-12-31T23:59:59-14:00', '0000-00-00T00:00:00Z', 1, '']],
  ['callbackUrl', ['https://example.com/hook', 'javascript:alert(1)', '/hook', 'ftp://example.com', 1]],
  ['messageType', ['text', 'VIDEO', 1]],
  ['to', [[], 'u1', null]],
])('attributes.%s refuses what does not fit', async (name, values) => {
  for (const value of values) await expectRefused({ attributes: { [name]: value } }, `attributes.${name}`)
})

test('attributes.to refuses what does not fit', async () => {
  await expectRefused({ attributes: { to: { userIds: 'u1' } } }, 'attributes.to.userIds')
  await expectRefused({ attributes: { to: { userIds: ['u1', ''] } } }, 'attributes.to.userIds.1')
  await expectRefused({ attributes: { to: { mobiles: ['not a number'] } } }, 'attributes.to.mobiles.0')
  await expectRefused({ attributes: { to: { all: 'yes' } } }, 'attributes.to.all')
  await expectRefused({ attributes: { to: { userId: 'u1' } } }, 'attributes.to.userId')
})

test('attributes that are no object are refused, a long number too', async () => {
  for (const attributes of [null, [], 'x', 1]) await expectRefused({ attributes }, 'attributes')
  expect((await sendText('"attributes":12345678901234567890')).status).toBe(400)
})

test('a message may not expire before it is sent; at the same moment or without sendAt it may', async () => {
  const sendAt = ahead(DAY)
  await expectRefused({ attributes: { sendAt, expiresAt: ahead(DAY - 1000) } }, 'attributes.expiresAt')
  await stored({ attributes: { sendAt, expiresAt: sendAt } })
  await stored({ attributes: { expiresAt: ahead(1000) } })
})

test('attributes come back as they were, also those that only templates know', async () => {
  const attributes = {
    to: { userIds: ['u1'], mobiles: ['+86-13800138000'], all: false },
    messageType: 'CARD',
    priority: 0,
    sendAt: ahead(29 * DAY),
    expiresAt: '9999-12-31T23:59:59Z',
    anything: { else: [1, null, 'x'] },
  }
  expect((await stored({ attributes })).attributes).toEqual(attributes)
})

test.each(['status', 'createTime', 'id', 'constructor', 'toString', 'businesstype', 'tenant_id'])(
  'the unknown field %s is refused',
  (field) => expectRefused({ [field]: 'x' }, field),
)
