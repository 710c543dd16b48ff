import { newestIds, newRows } from '@message-center/core/inbox/new-rows.ts'
import { EVERYONE, type Reader } from '@message-center/core/inbox/readers.ts'
import type { InboxRow } from '@message-center/core/inbox/rows.ts'
import type { Pool } from 'mysql2/promise'

/** Where a listener came in: it is told of every row of its reader after that, once and in order. */
export interface Listening {
  /** Id of the last row, of the whole tenant, that it is not told of. */
  from: bigint
  leave(): void
}

/** New inbox rows as they are committed, for the open streams of this process. */
export interface InboxFeed {
  /** @throws where the database does not answer */
  listen(reader: Reader, onRow: (row: InboxRow) => void): Promise<Listening>
  /** Looks for news of these tenants, at once. */
  wake(tenantIds: readonly string[]): void
  close(): void
}

/** Whether or not anybody tells: wake-ups get lost, with Redis or with a worker between its commit and the telling. */
const LOOK_EVERY_MS = 2_000
const ROWS_A_LOOK = 500

interface TenantFeed {
  tenantId: string
  listeners: Map<string, Set<(row: InboxRow) => void>>
  /** Every row up to here has been asked for, on behalf of those who listened then. */
  asked: bigint
  /** Every row up to here has been handed out. */
  handedOut: bigint
  reading: boolean
}

/** MySQL is asked per tenant, not per listener: one look-up for the newest ids of all, then one for the rows of each that has news. */
export function createInboxFeed(pool: Pool, onError: (error: unknown) => void): InboxFeed {
  const feeds = new Map<string, Promise<TenantFeed>>()
  const open = new Map<string, TenantFeed>()
  const toLookAt = new Set<string>()
  let looking = false
  let closed = false
  const report = (error: unknown) => {
    if (!closed) onError(error)
  }

  function feedOf(tenantId: string): Promise<TenantFeed> {
    const known = feeds.get(tenantId)
    if (known) return known
    const starting = startFeed(pool, tenantId)
    feeds.set(tenantId, starting)
    starting.then(
      (feed) => open.set(tenantId, feed),
      () => feeds.delete(tenantId),
    )
    return starting
  }

  function forget(feed: TenantFeed): void {
    open.delete(feed.tenantId)
    feeds.delete(feed.tenantId)
  }

  async function look(): Promise<void> {
    if (looking) return
    looking = true
    try {
      while (toLookAt.size > 0) {
        const tenantIds = [...toLookAt]
        toLookAt.clear()
        for (const [tenantId, newest] of await newestIds(pool, tenantIds)) {
          const feed = open.get(tenantId)
          if (feed) void handOutUpTo(feed, newest)
        }
      }
    } catch (error) {
      report(error)
    } finally {
      looking = false
    }
  }

  /** By itself for each tenant: one that has much does not keep the others waiting. */
  async function handOutUpTo(feed: TenantFeed, newest: bigint): Promise<void> {
    if (newest > feed.asked) feed.asked = newest
    if (feed.reading) return
    feed.reading = true
    try {
      while (feed.handedOut < feed.asked) await handOut(pool, feed)
    } catch (error) {
      // The rest stays to be handed out: the next look goes on from there.
      report(error)
    } finally {
      feed.reading = false
    }
  }

  const wake = (tenantIds: Iterable<string>) => {
    for (const tenantId of tenantIds) if (open.has(tenantId)) toLookAt.add(tenantId)
    if (toLookAt.size > 0) void look()
  }
  const timer = setInterval(() => wake(open.keys()), LOOK_EVERY_MS)

  return {
    wake,
    close() {
      closed = true
      clearInterval(timer)
    },
    async listen({ tenantId, userId }, onRow) {
      let feed = await feedOf(tenantId)
      // Its last listener may have left since, and it with him.
      while (open.get(tenantId) !== feed) feed = await feedOf(tenantId)
      const listeners = feed.listeners.get(userId) ?? new Set()
      feed.listeners.set(userId, listeners.add(onRow))
      return {
        // Rows that have been asked for without this reader would pass it by: they are not its feed's business.
        from: feed.asked,
        leave() {
          listeners.delete(onRow)
          if (listeners.size === 0 && feed.listeners.get(userId) === listeners) feed.listeners.delete(userId)
          if (feed.listeners.size === 0 && open.get(tenantId) === feed) forget(feed)
        },
      }
    },
  }
}

async function startFeed(pool: Pool, tenantId: string): Promise<TenantFeed> {
  const newest = (await newestIds(pool, [tenantId])).get(tenantId) ?? 0n
  return { tenantId, listeners: new Map(), asked: newest, handedOut: newest, reading: false }
}

/** Reads the next rows and tells those who listen to them. */
async function handOut(pool: Pool, feed: TenantFeed): Promise<void> {
  const { asked, handedOut, tenantId, listeners } = feed
  const rows = await newRows(pool, tenantId, [...listeners.keys()], { after: handedOut, upTo: asked }, ROWS_A_LOOK)
  for (const row of rows) {
    const told = row.userId === EVERYONE ? [...listeners.values()] : [listeners.get(row.userId) ?? new Set()]
    for (const onRow of told.flatMap((each) => [...each])) onRow(row)
  }
  feed.handedOut = rows.length === ROWS_A_LOOK ? (rows.at(-1)?.id ?? asked) : asked
}
