import { parse } from 'secure-json-parse'

/** A number kept as the text it was sent as; `JSON.stringify` writes `rawJSON` verbatim. */
export interface RawNumber {
  readonly rawJSON: string
}

// In every Node since 22, in no TypeScript library yet.
declare global {
  interface JSON {
    rawJSON(text: string): RawNumber
    isRawJSON(value: unknown): value is RawNumber
  }
}

/** `JSON.parse` walks a reviver's value recursively and overflows the stack on hostile nesting: no message comes near this. */
const MAX_NESTING = 200

/**
 * A number that `String(Number(source))` may print differently, at a place where a number can stand: 16 digits or more, an
 * exponent, zeros at the end of a decimal, a decimal below 0.000001 (printed with an exponent), minus zero.
 */
const DELICATE_NUMBER =
  /(?:^|[\s:,[])(?:-?(?:\d[\d.]{15}|0\.0{6})|(?:-?(?:\d+(?:\.\d+)?[eE][+-]?\d+|\d+\.\d*0)|-0)(?=[\s,\]}]|$))/

/**
 * Whether a JSON text holds a number whose digits plain `JSON.parse` might lose. Cheap; may say yes where nothing would be lost
 * (text inside a string that looks like such a number), never no where something would.
 */
export function needsLossless(text: string): boolean {
  return DELICATE_NUMBER.test(text)
}

/**
 * Parses JSON so that each number keeps the digits it was sent with: a number that JavaScript would print differently
 * (1234567890123456789, 99.00, 1e400, -0) becomes a `JSON.rawJSON` object, every other one stays a number. `JSON.stringify`
 * writes both back as they came. Texts without such numbers pay nothing.
 * @throws SyntaxError for invalid JSON, for `__proto__` or `constructor.prototype` keys, and for nesting beyond 200 levels in a
 *   text with such numbers
 */
export function parseLossless(text: string): unknown {
  const plain: unknown = parse(text)
  if (!needsLossless(text)) return plain
  if (isNestedDeeperThan(plain, MAX_NESTING)) throw new SyntaxError(`JSON is nested deeper than ${MAX_NESTING} levels`)
  return parse(text, keepDigits)
}

function keepDigits(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source
  if (typeof value !== 'number' || source === undefined || String(value) === source) return value
  return JSON.rawJSON(source)
}

/**
 * Whether a parsed JSON value has more than `limit` objects and arrays inside each other: a scalar has depth 0, `{}` and `[1]`
 * have depth 1. Never goes further down than `limit`, so hostile nesting cannot overflow the stack.
 */
export function isNestedDeeperThan(value: unknown, limit: number): boolean {
  if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return false
  if (limit <= 0) return true
  return Object.values(value).some((child) => isNestedDeeperThan(child, limit - 1))
}
