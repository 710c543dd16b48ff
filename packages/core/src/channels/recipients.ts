import type { Attributes } from '../contracts/messages.ts'
import type { Recipients } from './adapter.ts'

/** `attributes.to` as adapters get it: every field present, duplicates removed. */
export function recipientsOf(to: Attributes['to']): Recipients {
  const { userIds = [], mobiles = [], all = false } = to ?? {}
  return { userIds: [...new Set(userIds)], mobiles: [...new Set(mobiles)], all }
}

/** True where there is nobody whom a message would go to. */
export function reachNobody({ userIds, mobiles, all }: Recipients): boolean {
  return !all && userIds.length === 0 && mobiles.length === 0
}
