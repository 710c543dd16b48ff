import type { ChannelRegistry } from '../channels/registry.ts'

/** Both providers count by the calendar of China; adapters from outside may say otherwise. */
const USUAL_ZONE = 'Asia/Shanghai'

/** The calendar month by which a channel's provider counts: `2026-11`. */
export type QuotaMonth = (channelType: string, at?: Date) => string

/** @throws RangeError where an adapter names no time zone */
export function createQuotaMonth(registry: ChannelRegistry): QuotaMonth {
  const formats = new Map<string, Intl.DateTimeFormat>()
  const formatOf = (timeZone: string): Intl.DateTimeFormat => {
    const known =
      formats.get(timeZone) ?? new Intl.DateTimeFormat('en', { timeZone, year: 'numeric', month: '2-digit' })
    formats.set(timeZone, known)
    return known
  }
  return (channelType, at = new Date()) => {
    const parts = formatOf(registry.get(channelType)?.adapter.timeZone ?? USUAL_ZONE).formatToParts(at)
    const part = (type: string) => parts.find((each) => each.type === type)?.value ?? ''
    return `${part('year')}-${part('month')}`
  }
}
