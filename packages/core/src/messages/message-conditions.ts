import type { RedriveInput } from '../contracts/message-operations.ts'
import type { MessageFilters } from '../contracts/messages.ts'
import { toDatetime } from './message-ref.ts'

/** SQL conditions joined by AND, with their values. */
export interface Conditions {
  where: string
  values: unknown[]
}

/** Filters that columns of the message itself answer. */
export const COLUMN_FILTERS = { storeId: 'store_id', businessType: 'business_type', status: 'status' } as const
export type ColumnFilter = keyof typeof COLUMN_FILTERS

export type MessageColumnFilters = Pick<
  MessageFilters,
  Exclude<ColumnFilter, 'storeId'> | 'createdFrom' | 'createdTo'
> &
  Pick<RedriveInput, 'storeId'>

/** The condition of the filters over `msg_message m`. */
export function messageConditions(tenantId: string, filters: MessageColumnFilters): Conditions {
  return joined([
    { where: 'm.tenant_id = ?', values: [tenantId] },
    ...columnConditions(filters),
    ...timeConditions('m', filters),
  ])
}

/** One condition for each filter that a column answers. */
export function columnConditions(filters: MessageColumnFilters): (Conditions & { filter: ColumnFilter })[] {
  return Object.entries(COLUMN_FILTERS).flatMap(([name, column]) => {
    const filter = name as ColumnFilter
    return filters[filter] === undefined ? [] : [{ filter, where: `m.${column} = ?`, values: [filters[filter]] }]
  })
}

/** The time of a message, which its tasks have, too. */
export function timeConditions(table: 'm' | 'k', { createdFrom, createdTo }: MessageColumnFilters): Conditions[] {
  const conditions: Conditions[] = []
  if (createdFrom) conditions.push({ where: `${table}.create_time >= ?`, values: [toDatetime(new Date(createdFrom))] })
  if (createdTo) conditions.push({ where: `${table}.create_time <= ?`, values: [toDatetime(new Date(createdTo))] })
  return conditions
}

export function joined(conditions: readonly Conditions[]): Conditions {
  return {
    where: conditions.map(({ where }) => where).join(' AND '),
    values: conditions.flatMap(({ values }) => values),
  }
}
