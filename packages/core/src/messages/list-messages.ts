import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { MessageFilters, MessageSummary } from '../contracts/messages.ts'
import type { Page } from '../contracts/pages.ts'
import type { Total } from '../database/bounded-count.ts'
import { countList, type Portion, readPortion } from './list-rows.ts'
import { type ListSource, listSource } from './list-source.ts'
import { REFS_TABLE, refsParameter, toDatetime } from './message-ref.ts'
import { ANCHOR_DISTANCE, createPageAnchors } from './page-anchors.ts'
import { toSummary } from './queries.ts'

export interface MessagePage {
  result: Page<MessageSummary>
  /** Where the next page begins, for `cursor`; null = there is none. */
  nextCursor: string | null
}

export type MessageList = ReturnType<typeof createMessageList>

/**
 * A tenant's messages by the filters, newest first. Pages near the top are found by passing over the rows before them in the
 * index, deeper ones from a remembered place (page-anchors.ts), and those of a cursor at once, wherever they are.
 * Each call says which server it reads from, the primary or a replica: the places hold for both.
 */
export function createMessageList(anchorDistance = ANCHOR_DISTANCE) {
  const anchors = createPageAnchors(anchorDistance)

  return async (pool: Pool, tenantId: string, filters: MessageFilters): Promise<MessagePage> => {
    const { pageSize = 20, cursor } = filters
    if (cursor) {
      const { after, page, total, row } = readCursor(cursor)
      const source = await listSource(pool, tenantId, filters, row)
      return answer(pool, source, await read(pool, source, { after }, pageSize), { total, page, pageSize })
    }
    const source = await listSource(pool, tenantId, filters)
    const { page = 1 } = filters
    const offset = (page - 1) * pageSize
    const counting = countList(pool, source)
    const reading =
      offset === 0 ? read(pool, source, { offset }, pageSize) : counting.then((total) => deeper(total, offset))
    const [total, rows] = await Promise.all([counting, reading])
    const atLeast = total.totalIsEstimate ? offset + rows.length : 0
    return answer(pool, source, rows, { total: { ...total, total: Math.max(total.total, atLeast) }, page, pageSize })

    /** A page beyond the last would pass over every row to find nothing: what was counted tells. */
    async function deeper({ total, totalIsEstimate }: Total, offset: number): Promise<RowDataPacket[]> {
      if (offset >= total && !totalIsEstimate) return []
      const portion = offset < anchorDistance ? { offset } : await anchors.find(pool, tenantId, filters, source, offset)
      return portion ? read(pool, source, portion, pageSize) : []
    }
  }

  /** One row more than the page has: it tells whether there is another. */
  function read(
    pool: Pool,
    source: ListSource,
    portion: Omit<Portion, 'limit'>,
    pageSize: number,
  ): Promise<RowDataPacket[]> {
    return readPortion(pool, source, { ...portion, limit: pageSize + 1 })
  }

  async function answer(
    pool: Pool,
    { row }: ListSource,
    found: RowDataPacket[],
    { total, page, pageSize }: { total: Total; page: number; pageSize: number },
  ): Promise<MessagePage> {
    const rows = found.slice(0, pageSize)
    const tasks = await tasksOf(
      pool,
      rows.filter((row) => row.status === 'PROCESSING'),
    )
    const items = rows.map((row) => toSummary(row, tasks.get(row.message_id)))
    const last = rows.at(-1)
    return {
      result: { ...total, page, pageSize, items },
      nextCursor: last && found.length > pageSize ? writeCursor(row, last, total, page + 1) : null,
    }
  }
}

/** See LIST_CURSOR_PATTERN. Whoever walks a list is not told a new total on each page. */
function writeCursor(
  row: ListSource['row'],
  last: RowDataPacket,
  { total, totalIsEstimate }: Total,
  page: number,
): string {
  return `${row}${last.create_time.getTime() / 1000}-${last.row_id}-${page}-${total}${totalIsEstimate ? 'e' : ''}`
}

function readCursor(cursor: string) {
  const [seconds, id = '', page, total = ''] = cursor.slice(1).split('-')
  return {
    row: cursor.startsWith('k') ? ('k' as const) : ('m' as const),
    after: { createTime: toDatetime(new Date(Number(seconds) * 1000)), id },
    page: Number(page),
    total: { total: Number.parseInt(total, 10), ...(total.endsWith('e') ? { totalIsEstimate: true as const } : {}) },
  }
}

/** The tasks of one tenant's messages by message id: what the counts of a message under way are made of. */
async function tasksOf(pool: Pool, messages: readonly RowDataPacket[]): Promise<Map<string, RowDataPacket[]>> {
  if (messages.length === 0) return new Map()
  const refs = messages.map((row) => ({
    tenantId: row.tenant_id,
    messageId: row.message_id,
    createTime: toDatetime(row.create_time),
  }))
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT STRAIGHT_JOIN k.message_id, k.status FROM ${REFS_TABLE}
     JOIN msg_channel_task k FORCE INDEX (uk_task) ON k.tenant_id = j.t AND k.message_id = j.m AND k.create_time = j.c`,
    [refsParameter(refs)],
  )
  return Map.groupBy(rows, (row) => row.message_id)
}
