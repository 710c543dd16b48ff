import { itemsBetween, newestIds } from '@message-center/core/inbox/new-rows.ts'
import type { Reader } from '@message-center/core/inbox/readers.ts'
import type { InboxRow } from '@message-center/core/inbox/rows.ts'
import type { Pool } from 'mysql2/promise'
import type { EventStream } from './event-stream.ts'
import type { InboxFeed } from './feed.ts'

/** Items of one look-up while a listener catches up. */
const PAGE = 100
/** Rows that arrive meanwhile; a listener who takes longer than they last is let go, and catches up further next time. */
const MAX_HELD = 1000

export interface Following {
  pool: Pool
  feed: InboxFeed
  reader: Reader
  /** Id of the last item that the listener has; undefined: it wants what is new from now on. */
  resumeAfter: bigint | undefined
}

/**
 * Sends a reader's items to a stream: what came since it was there last, then whatever comes; each once and in order.
 * @param begin opens the stream, told the id that it starts after
 * @returns when it has caught up; what comes later follows by itself until the stream is closed
 * @throws before `begin` where the database does not answer; after it the stream is ended as well
 */
export async function followInbox(
  { pool, feed, reader, resumeAfter }: Following,
  begin: (from: bigint) => EventStream,
): Promise<void> {
  let stream: EventStream | undefined
  let last = 0n
  let held: InboxRow[] | undefined = []
  const show = (row: InboxRow) => {
    if (row.id <= last) return
    last = row.id
    stream?.send(row.shownTo(reader.userId))
  }
  const { from, leave } = await feed.listen(reader, (row) => {
    if (held === undefined) show(row)
    else if (held.length < MAX_HELD) held.push(row)
    else stream?.cut()
  })
  try {
    last = await startingPoint(pool, reader.tenantId, resumeAfter, from)
    stream = begin(last)
    stream.closed.addEventListener('abort', leave)
    if (stream.closed.aborted) leave()
    await catchUp(stream)
  } catch (error) {
    leave()
    if (stream?.closed.aborted) return
    stream?.end()
    throw error
  }

  async function catchUp(to: EventStream): Promise<void> {
    while (last < from) {
      const items = await itemsBetween(pool, reader, { after: last, upTo: from }, PAGE)
      for (const item of items) to.send(item)
      last = items.length === PAGE ? BigInt(items.at(-1)?.id ?? from) : from
      await to.taken()
    }
    for (const row of held ?? []) show(row)
    held = undefined
  }
}

/**
 * What the listener names, unless that lies beyond what there is: then it comes from another database than this one, or what
 * it saw last was recalled, and waiting for an id beyond it could be for ever.
 */
async function startingPoint(
  pool: Pool,
  tenantId: string,
  resumeAfter: bigint | undefined,
  from: bigint,
): Promise<bigint> {
  if (resumeAfter !== undefined && resumeAfter <= from) return resumeAfter
  const newest = (await newestIds(pool, [tenantId])).get(tenantId) ?? 0n
  return resumeAfter === undefined || resumeAfter > newest ? newest : resumeAfter
}
