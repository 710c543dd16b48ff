import type { MessageFilters } from '../contracts/messages.ts'
import { toDatetime } from './message-ref.ts'

/** SQL conditions joined by AND, with their values. */
export interface Conditions {
  where: string
  values: unknown[]
}

export type ColumnFilters = Omit<MessageFilters, 'channelType' | 'page' | 'pageSize' | 'cursor'>

/** The condition of the filters over `msg_message m`. */
export function messageConditions(tenantId: string, filters: ColumnFilters): Conditions {
  const conditions: [condition: string, value: unknown][] = [
    ['m.tenant_id = ?', tenantId],
    ...columnConditions(filters),
    ...timeConditions('m', filters),
  ]
  return joined(conditions)
}

/** The condition of the filters over what tasks know, `msg_channel_task k`: the channel and the time. */
export function taskConditions(tenantId: string, channelType: string, filters: ColumnFilters): Conditions {
  return joined([['k.tenant_id = ?', tenantId], ['k.channel_type = ?', channelType], ...timeConditions('k', filters)])
}

/** The condition of the filters that only messages know; empty where there is none. */
export function messageOnlyConditions(filters: ColumnFilters): Conditions {
  return joined(columnConditions(filters))
}

function columnConditions({ status, businessType, storeId }: ColumnFilters): [string, unknown][] {
  const all: [string, unknown][] = [
    ['m.status = ?', status],
    ['m.business_type = ?', businessType],
    ['m.store_id = ?', storeId],
  ]
  return all.filter(([, value]) => value !== undefined)
}

function timeConditions(table: 'm' | 'k', { createdFrom, createdTo }: ColumnFilters): [string, unknown][] {
  const conditions: [string, unknown][] = []
  if (createdFrom) conditions.push([`${table}.create_time >= ?`, toDatetime(new Date(createdFrom))])
  if (createdTo) conditions.push([`${table}.create_time <= ?`, toDatetime(new Date(createdTo))])
  return conditions
}

function joined(conditions: readonly [string, unknown][]): Conditions {
  return {
    where: conditions.map(([condition]) => condition).join(' AND '),
    values: conditions.map(([, value]) => value),
  }
}
