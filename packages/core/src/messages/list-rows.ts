import type { Pool, RowDataPacket } from 'mysql2/promise'
import { boundedCount, type Total } from '../database/bounded-count.ts'
import { type ListSource, MESSAGE_OF_TASK } from './list-source.ts'
import { type Conditions, joined } from './message-conditions.ts'
import { toDatetime } from './message-ref.ts'

/** A place in a list: that of one of its rows. */
export interface Position {
  /** As the tables hold it. */
  createTime: string
  /** The message's, or its task's where the tasks lead. */
  id: string
}

/** Which rows of a list. */
export interface Portion {
  limit: number
  /** Rows passed over. */
  offset?: number
  /** Nothing newer than this: `from` begins with that row, `after` with the next. */
  from?: Position
  after?: Position
  /** Nothing accepted later than this. */
  notLater?: Date
}

/** How many rows a list has, as far as it is worth counting. */
export function countList(pool: Pool, { row, from, leading, rest }: ListSource): Promise<Total> {
  const fits = rest.where || '1'
  // Of those that have to be fetched the newest are looked at, in the order of the index; else any do.
  const order = rest.where === '' ? '' : `ORDER BY ${row}.create_time DESC, ${row}.id DESC`
  return boundedCount(pool, {
    select: `SELECT ${fits} AS fits FROM ${from} WHERE ${leading.where} ${order}`,
    values: [...rest.values, ...leading.values],
    byIndexAlone: rest.where === '',
  })
}

/** Rows above a place, counted up to `limit`. */
export async function countAbove(pool: Pool, source: ListSource, place: Position, limit: number): Promise<number> {
  const { row } = source
  const { where, values } = joined([
    ...conditionsOf(source),
    {
      where: `${row}.create_time >= ? AND (${row}.create_time > ? OR ${row}.id > ?)`,
      values: [place.createTime, place.createTime, place.id],
    },
  ])
  const [[counted]] = await pool.query<RowDataPacket[]>(
    `SELECT COUNT(*) AS newer FROM (SELECT 1 FROM ${source.from} WHERE ${where} LIMIT ?) AS above`,
    [...values, limit],
  )
  return Number(counted?.newer)
}

/** The first row of a portion; undefined where there is none. */
export async function firstPosition(
  pool: Pool,
  source: ListSource,
  portion: Omit<Portion, 'limit'>,
): Promise<Position | undefined> {
  const { sql, values } = positions(source, { ...portion, limit: 1 })
  const [[row]] = await pool.query<RowDataPacket[]>(sql, values)
  return row && { createTime: toDatetime(row.create_time), id: String(row.id) }
}

/** The messages of a portion, all columns, with `row_id`: the id of the row that gives the order. */
export async function readPortion(pool: Pool, source: ListSource, portion: Portion): Promise<RowDataPacket[]> {
  const { sql, values } = positions(source, portion)
  const message =
    source.row === 'm'
      ? 'JOIN msg_message m FORCE INDEX (PRIMARY) ON m.id = p.id AND m.create_time = p.create_time'
      : `JOIN msg_channel_task k FORCE INDEX (PRIMARY) ON k.id = p.id AND k.create_time = p.create_time ${MESSAGE_OF_TASK}`
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT STRAIGHT_JOIN m.*, p.id AS row_id FROM (${sql}) AS p ${message} ORDER BY p.create_time DESC, p.id DESC`,
    values,
  )
  return rows
}

/** The rows' keys, by the index alone as far as the filters allow it: whole rows are read for the page only. */
function positions(source: ListSource, { limit, offset = 0, ...start }: Portion) {
  const { row, from } = source
  const conditions = conditionsOf(source)
  const bound = start.from ?? start.after
  if (bound) {
    conditions.push({
      // The first part is all that the servers make a range, and choose partitions, of.
      where: `${row}.create_time <= ? AND (${row}.create_time < ? OR ${row}.id ${start.from ? '<=' : '<'} ?)`,
      values: [bound.createTime, bound.createTime, bound.id],
    })
  }
  if (start.notLater) conditions.push({ where: `${row}.create_time <= ?`, values: [toDatetime(start.notLater)] })
  const { where, values } = joined(conditions)
  return {
    sql: `SELECT ${row}.id, ${row}.create_time FROM ${from} WHERE ${where}
      ORDER BY ${row}.create_time DESC, ${row}.id DESC LIMIT ? OFFSET ?`,
    values: [...values, limit, offset],
  }
}

function conditionsOf({ leading, rest }: ListSource): Conditions[] {
  return rest.where === '' ? [leading] : [leading, rest]
}
