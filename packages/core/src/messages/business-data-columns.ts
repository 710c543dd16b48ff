import { isNestedDeeperThan, needsLossless } from '../templates/lossless-json.ts'

/** MariaDB's JSON type refuses a 32nd level; MySQL's holds 100. */
const COLUMN_NESTING = 31
/** Only a text with so many brackets can be nested deeper. */
const MANY_BRACKETS = /^(?:[^[{]*[[{]){32}/

/**
 * What the columns of a message's data hold. The JSON type of the database changes numbers beyond a double and does not take
 * every depth; such data is kept as text besides, and the text is what is read.
 * @param text a JSON object
 */
export function businessDataColumns(text: string): { json: string; exactText: string | null } {
  const numbers = needsLossless(text)
  if (!numbers && !MANY_BRACKETS.test(text)) return { json: text, exactText: null }
  const value: unknown = JSON.parse(text)
  const deep = isNestedDeeperThan(value, COLUMN_NESTING)
  if (!numbers && !deep) return { json: text, exactText: null }
  return { json: JSON.stringify(deep ? cut(value, COLUMN_NESTING) : value), exactText: text }
}

/** A copy in which what lies deeper than `levels` is null. */
function cut(value: unknown, levels: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (levels === 0) return null
  if (Array.isArray(value)) return value.map((entry) => cut(entry, levels - 1))
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, cut(entry, levels - 1)]))
}
