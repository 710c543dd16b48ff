import type { Pool } from 'mysql2/promise'
import { invalidField } from '../contracts/errors.ts'
import type { MessageFilters } from '../contracts/messages.ts'
import { expectedRows } from '../database/bounded-count.ts'
import { type ColumnFilter, type Conditions, columnConditions, joined, timeConditions } from './message-conditions.ts'

/**
 * What a list of messages is read from, newest first: the rows that one filter leads to by its index, in order, and what the
 * other filters make of them.
 */
export interface ListSource {
  /** The table that leads: messages, or, by channel, their tasks (a message has one per channel). */
  row: 'm' | 'k'
  /** The leading table and what the other conditions need. */
  from: string
  /** What the index answers. */
  leading: Conditions
  /** What only the rows tell; empty where the index answers all. */
  rest: Conditions
}

const INDEXES: Record<ColumnFilter, string> = {
  storeId: 'ix_tenant_store',
  businessType: 'ix_tenant_type',
  status: 'ix_tenant_status',
}

export const MESSAGE_OF_TASK = `JOIN msg_message m FORCE INDEX (uk_message)
  ON m.tenant_id = k.tenant_id AND m.message_id = k.message_id AND m.create_time = k.create_time`

/** By a subquery per row: as EXISTS, the servers may list all tasks of the channel first. */
const HAS_CHANNEL = `(SELECT t.id FROM msg_channel_task t FORCE INDEX (uk_task) WHERE t.tenant_id = m.tenant_id
  AND t.message_id = m.message_id AND t.channel_type = ? AND t.create_time = m.create_time LIMIT 1) IS NOT NULL`

/**
 * The source of a list; of several filters the one leads that fewest rows fulfil, as far as the server can tell at once.
 * @param row only what this table leads: of which a place is known already
 */
export async function listSource(
  pool: Pool,
  tenantId: string,
  filters: MessageFilters,
  row?: ListSource['row'],
): Promise<ListSource> {
  const possible = possibleSources(tenantId, filters)
  const sources = row ? possible.filter((source) => source.row === row) : possible
  const [only] = sources
  if (only === undefined) throw invalidField('cursor', 'is not of a list by these conditions')
  if (sources.length === 1) return only
  const sizes = await Promise.all(sources.map((source) => expectedRows(pool, rowsOf(source), source.leading.values)))
  return sources[sizes.indexOf(Math.min(...sizes))] as ListSource
}

/** The statement that selects a constant for each row that the leading filter finds. */
export function rowsOf({ from, leading }: ListSource): string {
  return `SELECT 1 FROM ${from} WHERE ${leading.where}`
}

function possibleSources(tenantId: string, filters: MessageFilters): ListSource[] {
  const columns = columnConditions(filters)
  const { channelType } = filters
  const channel = channelType ? [{ where: HAS_CHANNEL, values: [channelType] }] : []
  const byMessages = (index: string, leading: Conditions[], rest: Conditions[]): ListSource => ({
    row: 'm',
    from: `msg_message m FORCE INDEX (${index})`,
    leading: joined([{ where: 'm.tenant_id = ?', values: [tenantId] }, ...leading, ...timeConditions('m', filters)]),
    rest: joined(rest),
  })
  const sources = columns.map((column) => {
    const others = columns.filter((other) => other !== column)
    return byMessages(INDEXES[column.filter], [column], [...others, ...channel])
  })
  if (channelType) sources.push(byTasks(tenantId, channelType, filters))
  return sources.length > 0 ? sources : [byMessages('ix_tenant_time', [], [])]
}

function byTasks(tenantId: string, channelType: string, filters: MessageFilters): ListSource {
  const rest = joined(columnConditions(filters))
  return {
    row: 'k',
    from: `msg_channel_task k FORCE INDEX (ix_tenant_channel)${rest.where ? ` STRAIGHT_${MESSAGE_OF_TASK}` : ''}`,
    leading: joined([
      { where: 'k.tenant_id = ? AND k.channel_type = ?', values: [tenantId, channelType] },
      ...timeConditions('k', filters),
    ]),
    rest,
  }
}
