/** What is wrong with a payload: which rule, at which path, and the limit where the rule has one. */
export interface Violation {
  rule: 'missing' | 'unknown' | 'type' | 'empty' | 'value' | 'url' | 'tooLong' | 'tooMany'
  path: string
  limit?: number
}

/** Looks at one value; `path` is where it stands in the payload, with dots. */
export type Check = (value: unknown, path: string) => Violation | undefined

export interface TextLimits {
  maxBytes?: number
  maxChars?: number
  mayBeEmpty?: boolean
}

/** A string, not empty unless allowed, within its limits (bytes are UTF-8, characters are code points). */
export function text(limits: TextLimits = {}): Check {
  return (value, path) => {
    if (typeof value !== 'string') return { rule: 'type', path }
    if (value === '') return limits.mayBeEmpty ? undefined : { rule: 'empty', path }
    if (limits.maxBytes !== undefined && byteLength(value) > limits.maxBytes) {
      return { rule: 'tooLong', path, limit: limits.maxBytes }
    }
    if (limits.maxChars !== undefined && charLength(value) > limits.maxChars) {
      return { rule: 'tooLong', path, limit: limits.maxChars }
    }
  }
}

/** An absolute URL of one of the schemes; with `mediaId`, also the id of an uploaded file (`@lADO…`). */
export function url(limits: TextLimits & { schemes: readonly string[]; mediaId?: boolean }): Check {
  const checkText = text(limits)
  return (value, path) => {
    const violation = checkText(value, path)
    if (violation !== undefined || typeof value !== 'string' || value === '') return violation
    if (limits.mediaId && /^@\S+$/.test(value)) return undefined
    const scheme = /^([a-z][a-z0-9+.-]*):\/\/[^\s/]\S*$/i.exec(value)?.[1]?.toLowerCase()
    if (scheme === undefined || !limits.schemes.includes(scheme) || !URL.canParse(value)) return { rule: 'url', path }
  }
}

/** Exactly one of the values. */
export function oneOf(...values: readonly unknown[]): Check {
  return (value, path) => (values.includes(value) ? undefined : { rule: 'value', path })
}

/** A whole number within the bounds. */
export function integer(min: number, max: number): Check {
  return (value, path) => {
    if (!Number.isSafeInteger(value)) return { rule: 'type', path }
    return Number(value) >= min && Number(value) <= max ? undefined : { rule: 'value', path }
  }
}

/** An array whose items all pass. */
export function list(item: Check, bounds: { min?: number; max?: number } = {}): Check {
  return (value, path) => {
    if (!Array.isArray(value)) return { rule: 'type', path }
    if (value.length < (bounds.min ?? 0)) return { rule: 'empty', path }
    if (bounds.max !== undefined && value.length > bounds.max) return { rule: 'tooMany', path, limit: bounds.max }
    for (const [index, entry] of value.entries()) {
      const violation = item(entry, `${path}[${index}]`)
      if (violation !== undefined) return violation
    }
  }
}

/** An object with all required fields, maybe the optional ones, and no other: a typo must not pass unseen. */
export function object(fields: { required?: Record<string, Check>; optional?: Record<string, Check> }): Check {
  const required = new Map(Object.entries(fields.required ?? {}))
  const all = new Map([...required, ...Object.entries(fields.optional ?? {})])
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return { rule: 'type', path }
    const entries = Object.entries(value)
    const at = (name: string) => (path === '' ? name : `${path}.${name}`)
    for (const [name] of entries) if (!all.has(name)) return { rule: 'unknown', path: at(name) }
    for (const name of required.keys()) if (!Object.hasOwn(value, name)) return { rule: 'missing', path: at(name) }
    for (const [name, field] of entries) {
      const violation = all.get(name)?.(field, at(name))
      if (violation !== undefined) return violation
    }
  }
}

/** All checks in turn, the first violation wins: for rules that span several fields. */
export function every(...checks: readonly Check[]): Check {
  return (value, path) => {
    for (const check of checks) {
      const violation = check(value, path)
      if (violation !== undefined) return violation
    }
  }
}

/** Size in UTF-8 bytes. */
export function byteLength(value: string): number {
  return Buffer.byteLength(value, 'utf8')
}

/** Size in characters as a person counts code points, not UTF-16 units. */
export function charLength(value: string): number {
  let count = 0
  for (const _ of value) count += 1
  return count
}
