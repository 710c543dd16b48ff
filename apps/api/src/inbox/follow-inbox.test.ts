import { createInboxWriter, type InboxWriter } from '@message-center/core/inbox/deliveries.ts'
import { createTestDatabase, type TestDatabase } from '@message-center/devkit/testing/test-database.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import type { Pool, RowDataPacket } from 'mysql2/promise'
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import type { EventStream } from './event-stream.ts'
import { createInboxFeed, type InboxFeed } from './feed.ts'
import { followInbox } from './follow-inbox.ts'

let database: TestDatabase
let inbox: InboxWriter
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  inbox = createInboxWriter(database.pool, () => undefined)
})
afterAll(() => database.remove())

const feeds: InboxFeed[] = []
afterEach(() => {
  for (const feed of feeds.splice(0)) feed.close()
})

/** The database, with answers that can be kept back: what happens between a look-up and its use happens then. */
function slowDatabase() {
  let kept: PromiseWithResolvers<void> | undefined
  let waiting = 0
  let failing = false
  const query = async (sql: string, values: (string | number)[]) => {
    if (failing && sql.includes('LIMIT')) throw new Error('away')
    const answer = await database.pool.query(sql, values)
    // What tells the newest id is never kept back, only rows.
    if (kept && sql.includes('m.content')) {
      waiting += 1
      await kept.promise
      waiting -= 1
    }
    return answer
  }
  return {
    pool: { query } as unknown as Pool,
    keepRows() {
      kept = Promise.withResolvers()
    },
    isKeeping: () => waiting > 0,
    letGo() {
      kept?.resolve()
      kept = undefined
    },
    fail(now: boolean) {
      failing = now
    },
  }
}

function startFeed(pool: Pool): InboxFeed {
  const feed = createInboxFeed(pool, () => undefined)
  feeds.push(feed)
  return feed
}

let tasks = 0
async function deliver(tenantId: string, userId: string): Promise<string> {
  const messageId = `m${++tasks}`
  const content = { messageType: 'TEXT' as const, title: null, content: 'x' }
  await inbox.deliver({ tenantId, messageId, taskId: String(tasks), readers: [userId], ...content })
  return messageId
}

/** Follows an inbox from its beginning; the messages that were sent to the stream. */
function follow(pool: Pool, feed: InboxFeed, tenantId: string, userId: string) {
  const seen: string[] = []
  const closing = new AbortController()
  const stream: EventStream = {
    closed: closing.signal,
    send: ({ messageId }) => void seen.push(messageId),
    taken: async () => undefined,
    beat: () => undefined,
    end: () => closing.abort(),
    cut: () => closing.abort(),
  }
  const begun = Promise.withResolvers<void>()
  const caughtUp = followInbox({ pool, feed, reader: { tenantId, userId }, resumeAfter: 0n }, () => {
    begun.resolve()
    return stream
  })
  return { seen, begun: begun.promise, caughtUp, leave: () => closing.abort() }
}

test('who joins while rows are being read that were asked for without him, still gets his own of them, once', async () => {
  const { pool, ...slow } = slowDatabase()
  const feed = startFeed(pool)
  await follow(pool, feed, '1', 'other').caughtUp
  slow.keepRows()
  const first = await deliver('1', 'u1')
  feed.wake(['1'])
  await until('the rows to be read', slow.isKeeping)
  const joined = follow(pool, feed, '1', 'u1')
  await joined.begun
  slow.letGo()
  await joined.caughtUp
  const second = await deliver('1', 'u1')
  feed.wake(['1'])
  await until('the second', () => joined.seen.length >= 2)
  expect(joined.seen).toEqual([first, second])
})

test('what arrives while a listener catches up comes after what he missed', async () => {
  const { pool, ...slow } = slowDatabase()
  const feed = startFeed(database.pool)
  const missed = await deliver('2', 'u1')
  slow.keepRows()
  const late = follow(pool, feed, '2', 'u1')
  await until('the missed to be read', slow.isKeeping)
  const onTime = follow(database.pool, feed, '2', 'u1')
  await onTime.caughtUp
  const next = await deliver('2', 'u1')
  feed.wake(['2'])
  await until('the other to have both', () => onTime.seen.length >= 2)
  expect(late.seen).toEqual([])
  slow.letGo()
  await late.caughtUp
  expect([late.seen, onTime.seen]).toEqual([
    [missed, next],
    [missed, next],
  ])
})

test('more than one look-up takes at once: all of it comes, in order', async () => {
  const feed = startFeed(database.pool)
  const listener = follow(database.pool, feed, '5', 'u1')
  await listener.caughtUp
  const sent = await Promise.all(Array.from({ length: 1_200 }, () => deliver('5', 'u1')))
  feed.wake(['5'])
  await until('all', () => listener.seen.length >= sent.length)
  // Sent at once, in whatever order they were written: that is the order.
  const [rows] = await database.pool.query<RowDataPacket[]>(
    'SELECT message_id FROM msg_inbox WHERE tenant_id = 5 ORDER BY id',
  )
  expect(listener.seen).toEqual(rows.map((row) => row.message_id))
})

test('a read that fails is made up for: nothing is passed by', async () => {
  const { pool, ...slow } = slowDatabase()
  const feed = startFeed(pool)
  const listener = follow(pool, feed, '3', 'u1')
  await listener.caughtUp
  slow.fail(true)
  const first = await deliver('3', 'u1')
  feed.wake(['3'])
  const second = await deliver('3', 'u1')
  feed.wake(['3'])
  slow.fail(false)
  await until('both', () => listener.seen.length >= 2)
  expect(listener.seen).toEqual([first, second])
})

test('the last listener of a tenant leaves and the next one comes at the same moment: the next one hears', async () => {
  const feed = startFeed(database.pool)
  for (let round = 0; round < 20; round++) {
    const leaving = follow(database.pool, feed, '4', 'u1')
    await leaving.caughtUp
    const coming = follow(database.pool, feed, '4', 'u1')
    leaving.leave()
    await coming.caughtUp
    const before = coming.seen.length
    const sent = await deliver('4', 'u1')
    feed.wake(['4'])
    await until('the message', () => coming.seen.length > before)
    expect(coming.seen.at(-1)).toBe(sent)
    coming.leave()
  }
})
