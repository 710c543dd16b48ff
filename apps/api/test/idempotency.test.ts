import type { SendResult } from '@message-center/core/contracts/messages.ts'
import { type ApiCaller, createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import type { RowDataPacket } from 'mysql2'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

let system: TestSystem
let callers: ApiCaller[]
beforeAll(async () => {
  system = await startTestSystem({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl'), apis: 2 })
  callers = system.apis.map(({ url }) => createApiCaller(url, system.token()))
})
afterAll(() => system.stop())

/** Sends all bodies at once, spread over the API processes. */
function sendAtOnce(bodies: unknown[]) {
  return Promise.all(
    bodies.map((body, index) =>
      (callers[index % callers.length] ?? system.caller())<SendResult>('POST', '/api/messages', body),
    ),
  )
}

async function rowsOf(messageId: string): Promise<number> {
  const [rows] = await system.pool.query<RowDataPacket[]>('SELECT id FROM msg_message WHERE message_id = ?', [
    messageId,
  ])
  return rows.length
}

test('50 posts of one id at once over two API processes: one 202, the rest 200, the same answer, sent once', async () => {
  const call = system.caller()
  await createConfig(call, 'DINGTALK')
  await createTemplate(call, 'ORDER', 'DINGTALK')
  const body = { messageId: 'once', businessType: 'ORDER', businessData: { orderNo: 'once-only' } }
  const answers = await sendAtOnce(Array.from({ length: 50 }, () => body))
  expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(49).fill(200), 202])
  for (const answer of answers) expect(answer.body).toEqual({ success: true, messageId: 'once' })
  expect(await rowsOf('once')).toBe(1)
  expect(await finalMessage(call, 'once')).toMatchObject({ status: 'SUCCESS', totalChannels: 1 })

  expect(await call('POST', '/api/messages', body)).toMatchObject({
    status: 200,
    body: { success: true, messageId: 'once' },
  })
  // A second message behind it is delivered: so nothing of the first is still on its way.
  await call('POST', '/api/messages', { messageId: 'after', businessType: 'ORDER', businessData: { orderNo: 'after' } })
  await finalMessage(call, 'after')
  expect(await system.sandbox.client.messages({ contains: 'once-only' })).toHaveLength(1)
})

test('two contents race for one id: one wins, every post of the other is told MESSAGE_ID_CONFLICT', async () => {
  const bodies = Array.from({ length: 40 }, (_, index) => ({
    messageId: 'raced',
    businessType: 'RACE',
    businessData: { content: index % 4 < 2 ? 'a' : 'b' },
  }))
  const answers = await sendAtOnce(bodies)
  const statusesOf = (content: string) =>
    answers.filter((_, index) => bodies[index]?.businessData.content === content).map(({ status }) => status)
  const [winner, loser] = statusesOf('a').includes(202) ? ['a', 'b'] : ['b', 'a']
  expect(statusesOf(winner).sort()).toEqual([...Array<number>(19).fill(200), 202])
  expect(statusesOf(loser)).toEqual(Array<number>(20).fill(409))
  expect(answers.find(({ status }) => status === 409)?.body).toMatchObject({
    success: false,
    errorCode: 'MESSAGE_ID_CONFLICT',
    messageId: 'raced',
    details: [],
  })
  expect(await rowsOf('raced')).toBe(1)
})

test('many ids raced by overlapping batches in opposite order: every id is written once and nobody deadlocks', async () => {
  const ids = Array.from({ length: 300 }, (_, index) => `batch-race-${index}`)
  const batch = (order: string[]) => order.map((messageId) => ({ messageId, businessType: 'RACE', businessData: {} }))
  const answers = await Promise.all(
    [ids, ids.toReversed(), ids, ids.toReversed()].map((order, index) =>
      (callers[index % 2] ?? system.caller())<{ successCount: number }>('POST', '/api/messages/batch', batch(order)),
    ),
  )
  expect(answers.map(({ status, body }) => [status, body.successCount])).toEqual(Array(4).fill([202, 300]))
  const [rows] = await system.pool.query<RowDataPacket[]>(
    "SELECT COUNT(*) AS total, COUNT(DISTINCT message_id) AS ids FROM msg_message WHERE message_id LIKE 'batch-race-%'",
  )
  expect(rows[0]).toMatchObject({ total: '300', ids: '300' })
})

test.each([
  ['key order', '{"businessData":{"b":[1,{"y":2,"x":1}],"a":"1"},"businessType":"SAME","messageId":"#"}'],
  [
    'a string holding the object',
    '{"messageId":"#","businessType":"SAME","businessData":"{\\"a\\":\\"1\\",\\"b\\":[1,{\\"x\\":1,\\"y\\":2}]}"}',
  ],
  [
    'the tenant given',
    '{"messageId":"#","tenantId":"1","businessType":"SAME","businessData":{"a":"1","b":[1,{"x":1,"y":2}]}}',
  ],
  [
    'the tenant as a number',
    '{"messageId":"#","tenantId":1,"businessType":"SAME","businessData":{"a":"1","b":[1,{"x":1,"y":2}]}}',
  ],
  [
    'storeId null',
    '{"messageId":"#","storeId":null,"businessType":"SAME","businessData":{"a":"1","b":[1,{"x":1,"y":2}]}}',
  ],
  ['white space', ' { "messageId" : "#", "businessType":"SAME","businessData":{"a":"1","b":[1, {"x":1 ,"y":2}]}}\n'],
])('equal after parsing is the same message: %s', async (how, text) => {
  const messageId = `same-${how.replaceAll(' ', '-')}`
  const call = system.caller()
  const original = { messageId, businessType: 'SAME', businessData: { a: '1', b: [1, { x: 1, y: 2 }] } }
  expect((await call('POST', '/api/messages', original)).status).toBe(202)
  expect((await call('POST', '/api/messages', text.replace('#', messageId))).status).toBe(200)
})

test.each([
  ['other data', { businessData: { a: '2' } }],
  ['a number for a string', { businessData: { a: 1 } }],
  ['an additional key', { businessData: { a: '1', b: null } }],
  ['other business type', { businessType: 'OTHER' }],
  ['a store', { storeId: '1' }],
  ['a target', { targetChannels: ['LOCAL'] }],
  ['attributes', { attributes: { priority: 5 } }],
])('anything else is a conflict: %s', async (how, change) => {
  const messageId = `other-${how.replaceAll(' ', '-')}`
  const original = { messageId, businessType: 'SAME', businessData: { a: '1' } }
  const call = system.caller()
  expect((await call('POST', '/api/messages', original)).status).toBe(202)
  expect((await call('POST', '/api/messages', { ...original, ...change })).status).toBe(409)
})

test('ids are case-sensitive, and a tenant’s own', async () => {
  const body = { messageId: 'Case', businessType: 'SAME', businessData: {} }
  expect((await system.caller()('POST', '/api/messages', body)).status).toBe(202)
  expect((await system.caller()('POST', '/api/messages', { ...body, messageId: 'case' })).status).toBe(202)
  const other = system.caller({ tenantId: '2' })
  expect((await other('POST', '/api/messages', { ...body, businessType: 'OTHER' })).status).toBe(202)
  expect((await other('GET', '/api/messages/Case')).body).toMatchObject({ tenantId: '2', businessType: 'OTHER' })
})

test('without an id each post is a message of its own, with a UUIDv7', async () => {
  const answers = await sendAtOnce(Array.from({ length: 20 }, () => ({ businessType: 'SAME', businessData: {} })))
  const ids = new Set(answers.map(({ body }) => body.messageId))
  expect(ids.size).toBe(20)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})
