import fc from 'fast-check'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { createInboxWriter, removeDelivery } from './deliveries.ts'
import { countUnread, listInbox } from './list.ts'
import { findRow, markAllRead, markRead } from './mark-read.ts'
import { EVERYONE } from './readers.ts'

const USERS = ['u1', 'u2', 'U1', '李四']

/** A message as the model remembers it. */
interface Sent {
  taskId: string
  readers: string[]
  readBy: Set<string>
}

type Step =
  | { kind: 'deliver'; readers: string[] }
  | { kind: 'again'; message: number }
  | { kind: 'recall'; message: number }
  | { kind: 'read'; user: string; message: number }
  | { kind: 'read-all'; user: string }

const user = fc.constantFrom(...USERS)
const message = fc.nat({ max: 30 })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('deliver' as const), readers: fc.uniqueArray(user, { minLength: 1 }) }),
  fc.record({ kind: fc.constant('deliver' as const), readers: fc.constant<string[]>([EVERYONE]) }),
  fc.record({ kind: fc.constant('again' as const), message }),
  fc.record({ kind: fc.constant('recall' as const), message }),
  fc.record({ kind: fc.constant('read' as const), user, message }),
  fc.record({ kind: fc.constant('read-all' as const), user }),
)

let database: TestDatabase
let tenants = 0
let tasks = 0
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

const isFor = ({ readers }: Sent, userId: string) => readers.includes(userId) || readers.includes(EVERYONE)
const unreadOf = (sent: Sent[], userId: string) =>
  sent.filter((each) => isFor(each, userId) && !each.readBy.has(userId))

test('unread counts and lists are those of a model, whatever is delivered, read and recalled', async () => {
  const { pool } = database
  const { deliver } = createInboxWriter(pool, () => undefined)
  const deliverTo = (tenantId: string, { taskId, readers }: Sent) =>
    deliver({ tenantId, messageId: taskId, taskId, readers, messageType: 'TEXT', title: null, content: taskId })

  /** Does a step in the database and in the model; both have to answer the same. */
  async function take(tenantId: string, sent: Sent[], chosen: Step): Promise<void> {
    if (chosen.kind === 'deliver') {
      const fresh: Sent = { taskId: String(++tasks), readers: chosen.readers, readBy: new Set() }
      sent.push(fresh)
      return deliverTo(tenantId, fresh)
    }
    if (chosen.kind === 'read-all') {
      const unread = unreadOf(sent, chosen.user)
      for (const each of unread) each.readBy.add(chosen.user)
      expect(await markAllRead(pool, { tenantId, userId: chosen.user })).toBe(unread.length)
      return
    }
    const about = sent[chosen.message % Math.max(1, sent.length)]
    if (about === undefined) return
    if (chosen.kind === 'again') return deliverTo(tenantId, about)
    if (chosen.kind === 'recall') {
      expect(await removeDelivery(pool, { tenantId, messageId: about.taskId, taskId: about.taskId })).toBe(true)
      sent.splice(sent.indexOf(about), 1)
      return
    }
    if (!isFor(about, chosen.user)) return
    const reader = { tenantId, userId: chosen.user }
    const { items } = await listInbox(pool, reader, { limit: 200 })
    const row = await findRow(pool, tenantId, items.find(({ messageId }) => messageId === about.taskId)?.id ?? '')
    if (row === undefined) throw new Error(`message ${about.taskId} is not in the inbox`)
    expect(await markRead(pool, reader, row)).toMatchObject({ userId: chosen.user, read: true })
    about.readBy.add(chosen.user)
  }

  async function expectSame(tenantId: string, sent: Sent[]): Promise<void> {
    for (const userId of USERS) {
      const reader = { tenantId, userId }
      const newestFirst = sent.filter((each) => isFor(each, userId)).toReversed()
      const unread = unreadOf(sent, userId).toReversed()
      const page = await listInbox(pool, reader, { limit: 200 })
      expect(page.items.map(({ messageId, read }) => [messageId, read])).toEqual(
        newestFirst.map(({ taskId, readBy }) => [taskId, readBy.has(userId)]),
      )
      const unreadPage = await listInbox(pool, reader, { limit: 200, unread: true })
      expect(unreadPage.items.map(({ messageId }) => messageId)).toEqual(unread.map(({ taskId }) => taskId))
      expect([page.unreadCount, unreadPage.unreadCount, await countUnread(pool, reader)]).toEqual(
        [0, 0, 0].map(() => unread.length),
      )
    }
  }

  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const tenantId = String(++tenants)
      const sent: Sent[] = []
      for (const chosen of steps) await take(tenantId, sent, chosen)
      await expectSame(tenantId, sent)
    }),
    { numRuns: 25 },
  )
})

test('pages by cursor show each message once, whatever arrives, is read or is recalled between them', async () => {
  const { pool } = database
  const { deliver } = createInboxWriter(pool, () => undefined)
  const reader = { tenantId: '900', userId: 'u1' }
  const send = async (readers: string[]) => {
    const taskId = String(++tasks)
    const content = { messageType: 'TEXT' as const, title: null, content: taskId }
    await deliver({ tenantId: reader.tenantId, messageId: taskId, taskId, readers, ...content })
    return taskId
  }
  const sent: string[] = []
  for (let n = 0; n < 45; n++) sent.push(await send(n % 3 === 0 ? [EVERYONE] : ['u1', 'u2']))
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const { items, nextCursor } = await listInbox(pool, reader, { limit: 10, ...(cursor ? { cursor } : {}) })
    seen.push(...items.map(({ messageId }) => messageId))
    cursor = nextCursor ?? undefined
    await send(['u1'])
    await send([EVERYONE])
    const last = items.at(-1)
    const row = last && (await findRow(pool, reader.tenantId, last.id))
    if (row) await markRead(pool, reader, row)
    if (last) await removeDelivery(pool, { tenantId: reader.tenantId, messageId: '', taskId: last.messageId })
  } while (cursor)
  expect(seen).toEqual(sent.toReversed())
})

test('read-all of more than a transaction takes leaves nothing unread, and says how many it was', async () => {
  const { pool } = database
  const reader = { tenantId: '901', userId: 'u1' }
  for (const userId of ['u1', EVERYONE]) {
    await pool.query(
      `INSERT INTO msg_inbox (tenant_id, user_id, message_id, task_id, message_type, content) VALUES ?`,
      [Array.from({ length: 2_500 }, (_, n) => [901, userId, `m${n}`, 1_000_000 + n, 'TEXT', 'x'])],
    )
  }
  expect(await countUnread(pool, reader)).toBe(5_000)
  expect(await markAllRead(pool, reader)).toBe(5_000)
  expect([await countUnread(pool, reader), await markAllRead(pool, reader)]).toEqual([0, 0])
  expect(await countUnread(pool, { ...reader, userId: 'u2' })).toBe(2_500)
})
