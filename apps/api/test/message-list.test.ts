import type { MessageDetail, MessageSummary } from '@message-center/core/contracts/messages.ts'
import type { Page } from '@message-center/core/contracts/pages.ts'
import { createMessageList } from '@message-center/core/messages/list-messages.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

let api: RunningApi
let call: ApiCaller
const COUNT = 45
beforeAll(async () => {
  api = await startApiHere({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  call = api.caller()
  const bodies = Array.from({ length: COUNT }, (_, index) => ({
    messageId: `m-${index}`,
    businessType: index % 3 === 0 ? 'A' : 'B',
    storeId: index % 5 === 0 ? '9007199254740993' : index % 5 === 1 ? '9007199254740992' : null,
    businessData: { index },
  }))
  await call('POST', '/api/messages/batch', bodies)
  await api.pool.query(
    "UPDATE msg_message SET create_time = '2026-01-31 23:59:59', accepted_at = create_time WHERE message_id = 'm-1'",
  )
  await api.pool.query("UPDATE msg_message_key SET create_time = '2026-01-31 23:59:59' WHERE message_id = 'm-1'")
  await api.pool.query(
    "UPDATE msg_message SET status = 'SUCCESS', finish_time = create_time WHERE message_id IN ('m-1', 'm-2')",
  )
})
afterAll(() => api.stop())

type List = Page<MessageSummary>
const list = async (query = '') => (await call<List>('GET', `/api/messages?${query}`)).body
const idsOf = ({ items }: List) => items.map(({ messageId }) => messageId)

test('a page has 20 items, newest first, with the total; pages do not overlap and leave nothing out', async () => {
  const first = await list()
  expect(first).toMatchObject({ total: COUNT, page: 1, pageSize: 20 })
  expect(first.items).toHaveLength(20)
  const pages = await Promise.all([1, 2, 3, 4].map((page) => list(`page=${page}&pageSize=15`)))
  expect(pages.map(({ page, items }) => [page, items.length])).toEqual([
    [1, 15],
    [2, 15],
    [3, 15],
    [4, 0],
  ])
  const all = pages.flatMap(idsOf)
  expect(new Set(all).size).toBe(COUNT)
  expect(all.at(-1)).toBe('m-1')
  expect(idsOf(await list(`pageSize=200`))).toEqual(all)
})

test('a page beyond the last is known to be empty by the count alone', async () => {
  const statements: string[] = []
  const counted = new Proxy(api.pool, {
    get(pool, name) {
      if (name !== 'query') return Reflect.get(pool, name)
      return (sql: string, values: unknown[]) => {
        statements.push(sql)
        return pool.query(sql, values)
      }
    },
  })
  const listed = createMessageList()
  const beyond = await listed(counted, '1', { page: 1_000_000, pageSize: 200 })
  expect(beyond.result).toEqual({ total: COUNT, page: 1_000_000, pageSize: 200, items: [] })
  expect(statements).toEqual([expect.stringContaining('COUNT(*)')])
  expect((await listed(counted, '1', { page: 3, pageSize: 20 })).result.items).toHaveLength(5)
})

test('the Link header leads through all pages; the last has none, and the answers are PageResults of the contract', async () => {
  const all = idsOf(await list('pageSize=200'))
  const seen: string[] = []
  let path = '/api/messages?pageSize=15&createdFrom=2000-01-01T00:00:00Z'
  for (let page = 1; ; page++) {
    const { body, headers } = await call<List>('GET', path)
    expect(Object.keys(body).sort()).toEqual(['items', 'page', 'pageSize', 'total'])
    expect(body).toMatchObject({ total: all.length, page, pageSize: 15 })
    seen.push(...idsOf(body))
    const link = headers.get('link')
    if (link === null) break
    path = /^<(.+)>; rel="next"$/.exec(link)?.[1] ?? ''
  }
  expect(seen).toEqual(all)
})

test('filters: status, businessType, storeId (exact beyond a double), together', async () => {
  expect(idsOf(await list('status=SUCCESS'))).toEqual(['m-2', 'm-1'])
  expect((await list('status=PENDING')).total).toBe(COUNT - 2)
  expect((await list('status=FAILED')).total).toBe(0)
  expect((await list('businessType=A')).total).toBe(15)
  expect((await list('businessType=a')).total).toBe(0)
  const store = await list('storeId=9007199254740993&pageSize=50')
  expect([store.total, new Set(store.items.map(({ storeId }) => storeId))]).toEqual([9, new Set(['9007199254740993'])])
  expect((await list('storeId=0009007199254740993&businessType=A')).total).toBe(3)
})

test('channelType finds the messages that have a task on the channel', async () => {
  await api.pool.query(
    `INSERT INTO msg_channel_task (tenant_id, message_id, channel_type, channel_config_id, create_time)
     SELECT tenant_id, message_id, 'LOCAL', 1, create_time FROM msg_message WHERE message_id IN ('m-1', 'm-7')`,
  )
  expect(idsOf(await list('channelType=LOCAL')).sort()).toEqual(['m-1', 'm-7'])
  expect((await list('channelType=DINGTALK')).total).toBe(0)
})

test('createdFrom and createdTo include the second that they name, in any zone', async () => {
  const between = async (from: string, to: string) =>
    idsOf(await list(`createdFrom=${encodeURIComponent(from)}&createdTo=${encodeURIComponent(to)}`))
  expect(await between('2026-01-31T23:59:59Z', '2026-01-31T23:59:59Z')).toEqual(['m-1'])
  expect(await between('2026-02-01T07:59:59+08:00', '2026-02-01T07:59:59.999+08:00')).toEqual(['m-1'])
  expect(await between('2026-01-01T00:00:00Z', '2026-01-31T23:59:58Z')).toEqual([])
  expect(await between('0001-01-01T00:00:00Z', '2026-02-01T00:00:00Z')).toEqual(['m-1'])
  expect((await list('createdFrom=2026-02-01T00:00:00Z')).total).toBe(COUNT - 1)
})

test('a message sent between two readings of the clock is found between them', async () => {
  const from = new Date().toISOString()
  await call('POST', '/api/messages', { messageId: 'clocked', businessType: 'CLOCK', businessData: {} })
  const to = new Date().toISOString()
  expect(idsOf(await list(`businessType=CLOCK&createdFrom=${from}&createdTo=${to}`))).toEqual(['clocked'])
})

test.each([
  'status=NOPE',
  'status=',
  'status=success',
  'status=FAILED&status=SUCCESS',
  'businessType=',
  `businessType=${'x'.repeat(65)}`,
  'storeId=abc',
  'storeId=-1',
  'storeId=9223372036854775808',
  'channelType=local',
  'createdFrom=yesterday',
  'createdFrom=2026-01-01',
  'createdFrom=2026-01-01T00:00:00',
  'createdFrom=2026-02-30T00:00:00Z',
  'createdFrom=2026-12-31T23:59:60Z',
  'createdTo=9999-12-31T23:59:59-14:00',
  'createdFrom=0000-01-01T00:00:00%2B14:00',
  'page=0',
  'page=-1',
  'page=a',
  'page=1.5',
  'page=',
  'page=0x10',
  'page=1e2',
  'page=%201',
  'page=99999999999999999999',
  'page=1&page=2',
  'pageSize=0',
  'pageSize=201',
  'unknown=1',
  'tenantId=abc',
  'tenantId=9223372036854775808',
  '__proto__=1',
  'cursor=',
  'cursor=m1-2-3',
  'cursor=x1-2-3-4',
  'cursor=m1-2-3-4&page=2',
  'cursor=k1-2-3-4',
  'cursor=m1-2-3-4&channelType=LOCAL',
  'status[]=FAILED',
])('nonsense is refused: ?%s', async (query) => {
  expect(await call('GET', `/api/messages?${query}`)).toMatchObject({
    status: 400,
    body: { errorCode: 'VALIDATION_FAILED' },
  })
})

test('an item of the list is the detail without its tasks: waiting, under way and final', async () => {
  await api.pool.query(
    `INSERT INTO msg_channel_task (tenant_id, message_id, channel_type, channel_config_id, status, create_time)
     SELECT tenant_id, message_id, j.type, 1, j.status, create_time FROM msg_message
     JOIN (SELECT 'DINGTALK' AS type, 'SUCCESS' AS status UNION SELECT 'WECHAT_WORK', 'FAILED' UNION SELECT 'LOCAL', 'RETRY') j
     WHERE message_id = 'm-9'`,
  )
  await api.pool.query("UPDATE msg_message SET status = 'PROCESSING', total_channels = 3 WHERE message_id = 'm-9'")
  const { items } = await list('pageSize=200')
  for (const messageId of ['m-0', 'm-2', 'm-9']) {
    const { tasks, ...detail } = (await call<MessageDetail>('GET', `/api/messages/${messageId}`)).body
    expect(items.find((item) => item.messageId === messageId)).toEqual(detail)
    if (messageId === 'm-9')
      expect([tasks.length, detail]).toMatchObject([3, { successChannels: 1, failedChannels: 1 }])
  }
})

test('the detail has the columns in camelCase, ids as strings, times in UTC', async () => {
  const sent = {
    messageId: 'shape',
    storeId: 7,
    businessType: 'S',
    businessData: { a: 1 },
    targetChannels: ['LOCAL'],
    attributes: { x: 1 },
  }
  await call('POST', '/api/messages', sent)
  const time = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/)
  expect((await call('GET', '/api/messages/shape')).body).toEqual({
    ...sent,
    id: expect.stringMatching(/^\d+$/),
    tenantId: '1',
    storeId: '7',
    status: 'PENDING',
    errorCode: null,
    errorMessage: null,
    totalChannels: 0,
    successChannels: 0,
    failedChannels: 0,
    createTime: time,
    updateTime: time,
    finishTime: null,
    tasks: [],
  })
})
