import { LRUCache } from 'lru-cache'
import type { Pool } from 'mysql2/promise'
import type { MessageFilters } from '../contracts/messages.ts'
import { countAbove, firstPosition, type Portion, type Position } from './list-rows.ts'
import type { ListSource } from './list-source.ts'

/** Rows between two anchors: passing over so many by the index takes a few milliseconds. */
export const ANCHOR_DISTANCE = 10_000
/** What was accepted so lately may still get a neighbour: a transaction that commits later with an earlier time. */
const SETTLED_MS = 60_000
/** Above the first place, in distances: these are counted for each page. */
const MOST_NEWER = 10
/** Lists remembered by one process; an anchor takes some 100 bytes. */
const MOST_LISTS = 200
const KEPT_MS = 600_000
/** Messages leave a list that goes by their status. */
const KEPT_BY_STATUS_MS = 60_000

/** Places in one list, `ANCHOR_DISTANCE` rows apart, the first of them the newest row that had settled. */
interface Anchors {
  found: Position[]
  /** Epoch ms. */
  madeAt: number
  /** The list ends before the next one. */
  complete: boolean
  /** Whoever needs more of them waits for those who are looking for some. */
  growing: Promise<void>
}

export type PageAnchors = ReturnType<typeof createPageAnchors>

/**
 * Leads to pages deep in a list without passing over millions of rows each time: of every list that somebody goes deep into,
 * it remembers places, and counts from the nearest. What comes in at the top meanwhile is counted, so that a page shows what
 * `OFFSET` would show; only a list by status, which messages also leave, may be off by what left it within a minute.
 */
export function createPageAnchors(distance = ANCHOR_DISTANCE) {
  const lists = new LRUCache<string, Anchors>({ max: MOST_LISTS })

  async function anchorsOf(pool: Pool, key: string, source: ListSource, ttl: number): Promise<Anchors | undefined> {
    const known = lists.get(key)
    if (known) return known
    const first = await firstPosition(pool, source, { notLater: new Date(Date.now() - SETTLED_MS) })
    if (!first) return undefined
    const made: Anchors = { found: [first], madeAt: Date.now(), complete: false, growing: Promise.resolve() }
    lists.set(key, made, { ttl })
    return made
  }

  async function growTo(pool: Pool, anchors: Anchors, index: number, source: ListSource): Promise<void> {
    while (anchors.found.length <= index && !anchors.complete) {
      const next = await firstPosition(pool, source, { from: anchors.found.at(-1) as Position, offset: distance })
      if (next) anchors.found.push(next)
      else anchors.complete = true
    }
  }

  return {
    /** Where to read the page that begins after `offset` rows; undefined where the list is shorter. */
    async find(
      pool: Pool,
      tenantId: string,
      filters: MessageFilters,
      source: ListSource,
      offset: number,
    ): Promise<Omit<Portion, 'limit'> | undefined> {
      const { page: _, pageSize: __, cursor: ___, ...conditions } = filters
      const key = JSON.stringify([tenantId, source.row, Object.entries(conditions).sort()])
      const ttl = filters.status ? KEPT_BY_STATUS_MS : KEPT_MS
      let anchors = await anchorsOf(pool, key, source, ttl)
      let newer = anchors && (await countAbove(pool, source, anchors.found[0] as Position, offset + 1))
      // Made again, it begins where the newest have settled by now.
      if (anchors && Number(newer) > MOST_NEWER * distance && Date.now() - anchors.madeAt > SETTLED_MS) {
        lists.delete(key)
        anchors = await anchorsOf(pool, key, source, ttl)
        newer = anchors && (await countAbove(pool, source, anchors.found[0] as Position, offset + 1))
      }
      // Among what has not settled as yet, there is nothing better than passing over the rows before.
      if (anchors === undefined || newer === undefined || newer > offset) return { offset }
      const settled = offset - newer
      const index = Math.floor(settled / distance)
      const grow = () => growTo(pool, anchors, index, source)
      anchors.growing = anchors.growing.then(grow, grow)
      await anchors.growing
      const from = anchors.found[index]
      return from && { from, offset: settled - index * distance }
    },
  }
}
