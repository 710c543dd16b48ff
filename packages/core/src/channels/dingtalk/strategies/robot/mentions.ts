import type { Recipients } from '../../../adapter.ts'
import type { At } from '../../schema.ts'

const MAX_MENTIONS = 50

export interface Mentions {
  /** Absent where nobody is to be mentioned. */
  at?: At
  /** Ids and phones that have to stand in the content as `@id`, or DingTalk shows no mention. */
  markers: string[]
  /** What could not be done, for people. */
  notes: string[]
}

/** Who is mentioned in a text or markdown message: at most 50, user ids first. */
export function mentionsOf({ userIds, mobiles, all }: Recipients): Mentions {
  const atUserIds = userIds.slice(0, MAX_MENTIONS)
  const atMobiles = mobiles.slice(0, MAX_MENTIONS - atUserIds.length)
  const markers = [...atUserIds, ...atMobiles]
  const left = userIds.length + mobiles.length - markers.length
  const notes = left > 0 ? [`${left} not mentioned: a message takes ${MAX_MENTIONS}`] : []
  if (markers.length === 0 && !all) return { markers, notes }
  return { at: { atMobiles, atUserIds, isAtAll: all }, markers, notes }
}

/** The content with `@id` for every marker that it does not hold already. */
export function withMarkers(content: string, markers: readonly string[], separator: string): string {
  const missing = markers.filter((marker) => !holds(content, `@${marker}`))
  return missing.length === 0 ? content : content + separator + missing.map((marker) => `@${marker}`).join(' ')
}

/** Whether the mention stands there as a whole: `@12` is not in `@123`. */
function holds(content: string, mention: string): boolean {
  for (let at = content.indexOf(mention); at >= 0; at = content.indexOf(mention, at + 1)) {
    if (!/[\w.-]/.test(content.charAt(at + mention.length))) return true
  }
  return false
}
