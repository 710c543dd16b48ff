import type { ErrorBody } from '@message-center/core/contracts/errors.ts'
import type { InboxItem, InboxPage } from '@message-center/core/contracts/inbox.ts'
import { createInboxWriter, type InboxWriter } from '@message-center/core/inbox/deliveries.ts'
import { EVERYONE } from '@message-center/core/inbox/readers.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import type { Static } from 'typebox'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

type Failure = Static<typeof ErrorBody>

let api: RunningApi
let inbox: InboxWriter
beforeAll(async () => {
  api = await startApiHere({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  inbox = createInboxWriter(api.pool, () => undefined)
})
afterAll(() => api.stop())

let tasks = 0
/** Puts a message into inboxes of a tenant; answers its message id. */
async function deliver(tenantId: string, readers: string[], fields: object = {}): Promise<string> {
  const taskId = String(++tasks)
  const message = { messageType: 'TEXT' as const, title: null, content: `text ${taskId}`, ...fields }
  await inbox.deliver({ tenantId, messageId: `m${taskId}`, taskId, readers, ...message })
  return `m${taskId}`
}
const viewer = (tenantId: string) => api.caller({ tenantId, roles: ['viewer'] })
const owner = (tenantId: string, sub: string) => api.caller({ tenantId, sub, roles: ['inbox'] })
const list = async (call: ApiCaller, query = '') => (await call<InboxPage>('GET', `/api/inbox?${query}`)).body
const ids = ({ items }: InboxPage) => items.map(({ messageId }) => messageId)

test('an item has the shape of the contract, whatever its type', async () => {
  await deliver('10', ['u1'])
  await deliver('10', ['u1'], { messageType: 'LINK', title: '标题', content: '{"title":"标题"}' })
  const { items, nextCursor, unreadCount } = await list(viewer('10'), 'userId=u1')
  expect([nextCursor, unreadCount]).toEqual([null, 2])
  const common = {
    id: expect.stringMatching(/^\d+$/),
    messageId: expect.any(String),
    userId: 'u1',
    read: false,
    createTime: expect.stringMatching(/^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/),
  }
  expect(items).toEqual([
    { ...common, messageType: 'LINK', title: '标题', content: '{"title":"标题"}' },
    { ...common, messageType: 'TEXT', content: expect.any(String) },
  ])
  expect((await viewer('10')('GET', '/api/inbox/unread-count?userId=u1')).body).toEqual({ count: 2 })
})

test('pages: limit, cursor to the end, only what is unread', async () => {
  const sent: string[] = []
  for (let n = 0; n < 5; n++) sent.unshift(await deliver('11', ['u1']))
  const call = viewer('11')
  const first = await list(call, 'userId=u1&limit=2')
  const second = await list(call, `userId=u1&limit=2&cursor=${first.nextCursor}`)
  const third = await list(call, `userId=u1&limit=2&cursor=${second.nextCursor}`)
  expect([first, second, third].flatMap(ids)).toEqual(sent)
  expect([first.unreadCount, third.unreadCount, third.nextCursor]).toEqual([5, 5, null])
  const read = await call<InboxItem>('PUT', `/api/inbox/${first.items[1]?.id}/read`)
  expect([read.status, read.body]).toEqual([200, { ...first.items[1], read: true }])
  expect((await call('PUT', `/api/inbox/${first.items[1]?.id}/read`)).body).toEqual(read.body)
  const unread = sent.filter((id) => id !== first.items[1]?.messageId)
  for (const flag of ['true', '1']) {
    const page = await list(call, `userId=u1&unread=${flag}`)
    expect([ids(page), page.unreadCount]).toEqual([unread, 4])
  }
  for (const flag of ['false', '0']) expect(ids(await list(call, `userId=u1&unread=${flag}`))).toEqual(sent)
  expect((await call('PUT', '/api/inbox/read-all?userId=u1')).body).toEqual({ updated: 4 })
  expect((await call('PUT', '/api/inbox/read-all?userId=u1')).body).toEqual({ updated: 0 })
  expect(await list(call, 'userId=u1&unread=true')).toEqual({ items: [], nextCursor: null, unreadCount: 0 })
})

test('a message to everyone stands in each inbox of the tenant, and each reads it for himself', async () => {
  const [toAll, own] = [await deliver('12', [EVERYONE]), await deliver('12', ['u1'])]
  const [u1, u2] = [owner('12', 'u1'), owner('12', 'u2')]
  expect([ids(await list(u1)), ids(await list(u2))]).toEqual([[own, toAll], [toAll]])
  expect(ids(await list(owner('13', 'u1')))).toEqual([])
  const item = (await list(u2)).items[0]
  expect(item).toMatchObject({ userId: 'u2', read: false })
  expect((await u2('PUT', `/api/inbox/${item?.id}/read`)).body).toEqual({ ...item, read: true })
  expect((await u2('GET', '/api/inbox/unread-count')).body).toEqual({ count: 0 })
  expect((await u1('GET', '/api/inbox/unread-count')).body).toEqual({ count: 2 })
  // A viewer acts for many: he has to say for whom.
  const { status, body } = await viewer('12')<Failure>('PUT', `/api/inbox/${item?.id}/read`)
  expect([status, body.details[0]?.path]).toEqual([400, 'userId'])
  expect((await viewer('12')('PUT', `/api/inbox/${item?.id}/read?userId=u3`)).body).toMatchObject({ userId: 'u3' })
  expect((await u1('PUT', '/api/inbox/read-all')).body).toEqual({ updated: 2 })
})

test('the role inbox reads its own user, whom it need not name; naming another is 403 before anything else is said', async () => {
  const [mine, others] = [await deliver('14', ['u1']), await deliver('14', ['u2'])]
  const [u1, u2] = [owner('14', 'u1'), owner('14', 'u2')]
  expect([ids(await list(u1)), ids(await list(u1, 'userId=u1')), ids(await list(u2))]).toEqual([
    [mine],
    [mine],
    [others],
  ])
  const theirs = (await list(u2)).items[0]?.id
  const calls: [method: string, path: string, body?: object][] = [
    ['GET', '/api/inbox?userId=u2'],
    ['GET', '/api/inbox?userId=u2&limit=wrong'],
    ['GET', '/api/inbox?userId=u1&userId=u2'],
    ['GET', '/api/inbox?userId='],
    ['GET', '/api/inbox/unread-count?userId=U1'],
    ['GET', '/api/inbox/unread-count?userId=u1%20'],
    ['PUT', '/api/inbox/read-all?userId=u2'],
    ['PUT', `/api/inbox/${theirs}/read?userId=u2`],
    ['PUT', '/api/inbox/wrong/read?userId=u2'],
    ['GET', '/api/inbox/stream?userId=u2'],
    ['POST', '/api/inbox/ticket', { userId: 'u2' }],
    ['POST', '/api/inbox/ticket', { userId: ['u1'] }],
  ]
  for (const [method, path, body] of calls) {
    const answer = await u1<Failure>(method, path, body)
    expect([path, answer.status, answer.body.errorCode]).toEqual([path, 403, 'FORBIDDEN'])
  }
  expect((await u1('PUT', `/api/inbox/${theirs}/read`)).status).toBe(404)
  expect((await list(u2)).unreadCount).toBe(1)
})

test('a viewer has to say whose inbox; what is no user id is refused, and so is a sub that is none', async () => {
  const call = viewer('15')
  const paths: [method: string, path: string][] = [
    ['GET', '/api/inbox'],
    ['GET', '/api/inbox/unread-count'],
    ['PUT', '/api/inbox/read-all'],
    ['GET', '/api/inbox/stream'],
  ]
  const wrong = ['', '?userId=', '?userId=*', '?userId=u1%20', `?userId=${'x'.repeat(129)}`]
  for (const [method, path] of paths) {
    for (const query of wrong) {
      const { status, body } = await call<Failure>(method, `${path}${query}`)
      expect([path, query, status, body.details[0]?.path]).toEqual([path, query, 400, 'userId'])
    }
  }
  expect((await call('POST', '/api/inbox/ticket', {})).status).toBe(400)
  // Padded, the database would take it for 'u1'.
  for (const sub of ['u1 ', '*', '']) expect((await owner('15', sub)('GET', '/api/inbox')).status).toBe(400)
})

test('tenants do not see each other’s inboxes; the platform names one', async () => {
  const mine = await deliver('16', ['u1'])
  const { items } = await list(viewer('16'), 'userId=u1')
  const stranger = viewer('17')
  expect(ids(await list(stranger, 'userId=u1'))).toEqual([])
  expect((await stranger('PUT', `/api/inbox/${items[0]?.id}/read`)).status).toBe(404)
  expect((await stranger('PUT', `/api/inbox/${items[0]?.id}/read?userId=u1`)).status).toBe(404)
  expect((await stranger('PUT', '/api/inbox/read-all?userId=u1')).body).toEqual({ updated: 0 })
  for (const path of ['/api/inbox?userId=u1&tenantId=16', '/api/inbox/stream?userId=u1&tenantId=16'])
    expect((await stranger('GET', path)).status).toBe(403)
  expect((await stranger('POST', '/api/inbox/ticket', { userId: 'u1', tenantId: '16' })).status).toBe(403)
  const platform = api.caller({ tenantId: '17', roles: ['platform'] })
  expect(ids(await list(platform, 'userId=u1&tenantId=16'))).toEqual([mine])
  expect((await list(viewer('16'), 'userId=u1')).unreadCount).toBe(1)
})
