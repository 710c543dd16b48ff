import type { Recipients } from './adapter.ts'

/** The note for recipients that a message cannot mention, for the task's detail; empty where there are none. */
export function notMentioned(type: string, { userIds, mobiles, all }: Recipients): string[] {
  const dropped = [
    ...(userIds.length > 0 ? [`${userIds.length} user ids`] : []),
    ...(mobiles.length > 0 ? [`${mobiles.length} mobiles`] : []),
    ...(all ? ['everyone'] : []),
  ]
  return dropped.length === 0 ? [] : [`not mentioned: ${dropped.join(', ')} (${type} cannot)`]
}
