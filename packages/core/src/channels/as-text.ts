import { inspect } from 'node:util'

/** Whatever an adapter gave, as text; null for nothing. */
export function asText(value: unknown): string | null {
  if (value === undefined || value === null) return null
  if (typeof value !== 'object') return String(value)
  try {
    return JSON.stringify(value)
  } catch {
    // Circular, or holding a BigInt.
    return inspect(value)
  }
}
