import type { BatchSendResult, SendResult } from '@message-center/core/contracts/messages.ts'
import type { RowDataPacket } from 'mysql2'
import type { Static } from 'typebox'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

let api: RunningApi
beforeAll(async () => {
  api = await startApiHere({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => api.stop())

type Batch = Static<typeof BatchSendResult>
const send = (body: unknown, claims = {}) => api.caller(claims)<Batch>('POST', '/api/messages/batch', body)
const good = (messageId?: string) => ({ messageId, businessType: 'ORDER', businessData: { orderNo: 1 } })

/** JSON text of an entry that JSON.stringify cannot write. */
const rawEntry = (businessData: string) => `{"messageId":"raw","businessType":"ORDER","businessData":${businessData}}`
const nested = (levels: number) => `{"n":1234567890123456789,"a":${'['.repeat(levels)}${']'.repeat(levels)}}`

const BAD: Record<string, string> = {
  null: 'null',
  number: '1',
  'number beyond a double': '12345678901234567890',
  string: '"x"',
  array: '[]',
  empty: '{}',
  'no businessType': '{"businessData":{}}',
  'unknown field': '{"messageId":"bad-1","businessType":"ORDER","businessData":{},"nope":1}',
  'bad id': '{"messageId":"a/b","businessType":"ORDER","businessData":{}}',
  'unknown channel': '{"messageId":"bad-2","businessType":"ORDER","businessData":{},"targetChannels":["NOPE"]}',
  'other tenant': '{"messageId":"bad-3","tenantId":"2","businessType":"ORDER","businessData":{}}',
  'other tenant and invalid besides': '{"tenantId":2,"nope":1}',
  'too much data': JSON.stringify({
    messageId: 'bad-4',
    businessType: 'ORDER',
    businessData: { a: 'x'.repeat(65_536) },
  }),
  'lone surrogate': rawEntry('{"a":"\\ud83d"}'),
  '33 levels': rawEntry(nested(32)),
  '300 levels': rawEntry(nested(300)),
  '100,000 levels': rawEntry(nested(100_000)),
  __proto__: rawEntry('{"__proto__":{"a":1}}'),
}

test('each bad entry fails alone, with the code and text that it would get by itself; the order is kept', async () => {
  const entries = Object.values(BAD).flatMap((text, index) => [JSON.stringify(good(`good-${index}`)), text])
  const { status, body } = await send(`[${entries.join(',')}]`)
  expect(status).toBe(202)
  expect(body).toMatchObject({
    totalCount: entries.length,
    successCount: entries.length / 2,
    failedCount: entries.length / 2,
  })

  const alone = await Promise.all(
    Object.values(BAD).map((text) => api.caller()<SendResult>('POST', '/api/messages', text)),
  )
  const expected = alone.flatMap(({ body: { messageId, errorCode, errorMessage } }, index) => [
    { success: true, messageId: `good-${index}` },
    { success: false, ...(messageId ? { messageId } : {}), errorCode, errorMessage },
  ])
  expect(body.results).toEqual(expected)
  expect(new Set(alone.map(({ body: { errorCode } }) => errorCode))).toEqual(
    new Set(['VALIDATION_FAILED', 'FORBIDDEN', 'PAYLOAD_TOO_LARGE']),
  )
})

test('1000 messages with bad ones among them: the good ones are stored, each once', async () => {
  const bodies = Array.from({ length: 1000 }, (_, index) =>
    index % 100 === 50 ? { messageId: `k-${index}`, businessType: '' } : good(`k-${index}`),
  )
  const { status, body } = await send(bodies)
  expect(status).toBe(202)
  expect(body).toMatchObject({ totalCount: 1000, successCount: 990, failedCount: 10 })
  expect(body.results.map(({ messageId }) => messageId)).toEqual(bodies.map(({ messageId }) => messageId))
  expect(body.results.flatMap(({ success }, index) => (success ? [] : [index]))).toEqual(
    Array.from({ length: 10 }, (_, index) => 50 + 100 * index),
  )
  const [rows] = await api.pool.query<RowDataPacket[]>(
    "SELECT COUNT(*) AS total FROM msg_message WHERE message_id LIKE 'k-%'",
  )
  expect(rows[0]).toMatchObject({ total: '990' })
})

test('an id twice in one batch: the same content is one message, other content a conflict', async () => {
  const { body } = await send([
    good('twice'),
    good('twice'),
    { ...good('twice'), businessType: 'OTHER' },
    good('twice'),
  ])
  expect(body.results).toMatchObject([
    { success: true, messageId: 'twice' },
    { success: true, messageId: 'twice' },
    { success: false, messageId: 'twice', errorCode: 'MESSAGE_ID_CONFLICT' },
    { success: true, messageId: 'twice' },
  ])
  const again = await send([good('twice')])
  expect(again).toMatchObject({
    status: 202,
    body: { successCount: 1, results: [{ success: true, messageId: 'twice' }] },
  })
})

test('a platform token may name tenants entry by entry; another may not', async () => {
  const bodies = [{ ...good('p'), tenantId: '7' }, { ...good('p'), tenantId: '8' }, good('p')]
  expect((await send(bodies, { roles: ['platform'] })).body).toMatchObject({ successCount: 3 })
  const { body } = await send(bodies, { roles: ['admin'] })
  expect(body.results.map(({ errorCode }) => errorCode)).toEqual(['FORBIDDEN', 'FORBIDDEN', undefined])
  expect((await api.caller({ tenantId: '8' })('GET', '/api/messages/p')).status).toBe(200)
})

test('the largest batch of wide characters and long numbers fits (it is stored in several packets)', async () => {
  const businessData = JSON.stringify({ orderNo: 0, text: '消息'.repeat(9_000) }).replace('0', '1234567890123456789')
  const entry = `{"businessType":"ORDER","businessData":${businessData}}`
  const { status, body } = await send(`[${Array.from({ length: 300 }, () => entry).join(',')}]`)
  expect(status).toBe(202)
  expect(body).toMatchObject({ totalCount: 300, failedCount: 0 })
})

test.each([
  ['no entry', '[]'],
  ['1001 entries', JSON.stringify(Array.from({ length: 1001 }, () => good()))],
  ['an object', JSON.stringify(good())],
  ['null', 'null'],
  ['broken JSON', `[${JSON.stringify(good())},`],
  ['nothing', ''],
])('%s is refused as a whole: 400', async (_, text) => {
  expect(await send(text)).toMatchObject({ status: 400, body: { success: false, errorCode: 'VALIDATION_FAILED' } })
})

test('more than 16 MiB is refused: 413', async () => {
  const tooLarge = await send(`[${' '.repeat(16 * 1024 * 1024)}]`)
  expect(tooLarge).toMatchObject({ status: 413, body: { success: false, errorCode: 'PAYLOAD_TOO_LARGE' } })
})
