import type { Ajv } from 'ajv'
import formatsPlugin from 'ajv-formats'
import { normalizeId } from './ids.ts'

/** What a value of a format has to be, told to people. */
export const FORMAT_TEXTS: Record<string, string> = {
  'date-time': 'must be an ISO 8601 time with its zone, such as 2026-11-24T10:00:00Z',
  id64: 'exceeds 64 bits',
  'time-zone': 'must be an IANA time zone, such as Asia/Shanghai',
}

/** Adds the formats of JSON Schema, `date-time` narrowed to what can be stored, and ours: `id64`, `time-zone`. */
export function addFormats(ajv: Ajv): void {
  formatsPlugin.default(ajv)
  ajv.addFormat('date-time', isStorableTime)
  ajv.addFormat('id64', (text) => /^\d+$/.test(text) && normalizeId(text) !== undefined)
  ajv.addFormat('time-zone', isTimeZone)
}

const RFC_3339 = /^(\d{4}-\d{2}-\d{2})[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/
// What DATETIME columns and the four digits of an ISO year can hold.
const EARLIEST = Date.parse('0001-01-01T00:00:00Z')
const LATEST = Date.parse('9999-12-31T23:59:59.999Z')

/** RFC 3339 without leap seconds, which neither `Date` nor MySQL knows; years 1 to 9999 in UTC. */
function isStorableTime(text: string): boolean {
  const day = RFC_3339.exec(text)?.[1]
  if (day === undefined || !isDay(day)) return false
  const time = Date.parse(text)
  return time >= EARLIEST && time <= LATEST
}

/** `Date` takes 30 February for 2 March. */
function isDay(day: string): boolean {
  const time = Date.parse(`${day}T00:00:00Z`)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(day)
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    // RangeError is how Intl says that it does not know the zone.
    return false
  }
}
