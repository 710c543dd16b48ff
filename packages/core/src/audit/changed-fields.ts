/** Changes with every change, so it says nothing. */
const IGNORED = 'updateTime'

/** Dotted paths of the fields that differ between two JSON objects; lists are compared as a whole. */
export function changedFields(before: object, after: object, prefix = ''): string[] {
  const [a, b] = [new Map(Object.entries(before)), new Map(Object.entries(after))]
  const keys = [...new Set([...a.keys(), ...b.keys()])].filter((key) => prefix !== '' || key !== IGNORED)
  return keys.flatMap((key) => {
    const [from, to]: unknown[] = [a.get(key), b.get(key)]
    if (isPlainObject(from) && isPlainObject(to)) return changedFields(from, to, `${prefix}${key}.`)
    return JSON.stringify(from) === JSON.stringify(to) ? [] : [`${prefix}${key}`]
  })
}

function isPlainObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
