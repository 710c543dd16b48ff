import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { MessageFilters } from '../contracts/messages.ts'
import { messageConditions, messageOnlyConditions, taskConditions } from './message-conditions.ts'
import { toDatetime } from './message-ref.ts'

/** A place in a list: that of one of its rows. */
export interface Position {
  /** As the tables hold it. */
  createTime: string
  /** The message's, or its task's where the list goes by the channel. */
  id: string
}

/** What a list of messages is read from, in order, by one index. */
export interface ListSource {
  /** Table with its condition. `row` is the table whose index gives the order. */
  from: string
  values: unknown[]
  row: 'm' | 'k'
}

/** Which index leads to the messages of a filter; those of several filters are offered, and the server takes the narrowest. */
const INDEXES = { storeId: 'ix_tenant_store', businessType: 'ix_tenant_type', status: 'ix_tenant_status' } as const

const TASK_OF_MESSAGE = `JOIN msg_message m FORCE INDEX (uk_message)
  ON m.tenant_id = k.tenant_id AND m.message_id = k.message_id AND m.create_time = k.create_time`

/** Where the rows of a list come from: the messages, or, by channel, the tasks (a message has one per channel). */
export function listSource(tenantId: string, filters: MessageFilters): ListSource {
  if (filters.channelType) {
    const tasks = taskConditions(tenantId, filters.channelType, filters)
    const messages = messageOnlyConditions(filters)
    const table = 'msg_channel_task k FORCE INDEX (ix_tenant_channel)'
    if (messages.where === '') return { from: `${table} WHERE ${tasks.where}`, values: tasks.values, row: 'k' }
    return {
      from: `${table} STRAIGHT_${TASK_OF_MESSAGE} WHERE ${tasks.where} AND ${messages.where}`,
      values: [...tasks.values, ...messages.values],
      row: 'k',
    }
  }
  const { where, values } = messageConditions(tenantId, filters)
  const leading = Object.entries(INDEXES).flatMap(([name, index]) =>
    filters[name as keyof typeof INDEXES] === undefined ? [] : [index],
  )
  const index = leading.length > 0 ? leading.join(', ') : 'ix_tenant_time'
  return { from: `msg_message m FORCE INDEX (${index}) WHERE ${where}`, values, row: 'm' }
}

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

/** The rows of a list, newest first, by the index alone as far as the filters allow it. */
function positions({ from, values, row }: ListSource, { limit, offset = 0, ...start }: Portion) {
  const conditions: string[] = []
  const all = [...values]
  const bound = start.from ?? start.after
  if (bound) {
    // The first part is all that the servers make a range, and choose partitions, of.
    conditions.push(
      `AND ${row}.create_time <= ? AND (${row}.create_time < ? OR ${row}.id ${start.from ? '<=' : '<'} ?)`,
    )
    all.push(bound.createTime, bound.createTime, bound.id)
  }
  if (start.notLater) {
    conditions.push(`AND ${row}.create_time <= ?`)
    all.push(toDatetime(start.notLater))
  }
  const order = `ORDER BY ${row}.create_time DESC, ${row}.id DESC LIMIT ? OFFSET ?`
  return {
    sql: `SELECT ${row}.id, ${row}.create_time FROM ${from} ${conditions.join(' ')} ${order}`,
    values: [...all, limit, offset],
  }
}

/** The first row of a portion; undefined where there is none. */
export async function firstPosition(
  pool: Pool,
  source: ListSource,
  portion: Omit<Portion, 'limit'>,
): Promise<Position | undefined> {
  const { sql, values } = positions(source, { ...portion, limit: 1 })
  const [[row]] = await pool.query<RowDataPacket[]>(sql, values)
  return row && toPosition(row)
}

/** The messages of a portion, all columns, with `row_id`: the id of the row that gives the order. */
export async function readPortion(pool: Pool, source: ListSource, portion: Portion): Promise<RowDataPacket[]> {
  const { sql, values } = positions(source, portion)
  const message =
    source.row === 'm'
      ? 'JOIN msg_message m FORCE INDEX (PRIMARY) ON m.id = p.id AND m.create_time = p.create_time'
      : `JOIN msg_channel_task k FORCE INDEX (PRIMARY) ON k.id = p.id AND k.create_time = p.create_time ${TASK_OF_MESSAGE}`
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT STRAIGHT_JOIN m.*, p.id AS row_id FROM (${sql}) AS p ${message} ORDER BY p.create_time DESC, p.id DESC`,
    values,
  )
  return rows
}

/** @param row `id`, `create_time` of a row that gives the order */
export function toPosition(row: RowDataPacket): Position {
  return { createTime: toDatetime(row.create_time), id: String(row.id) }
}
