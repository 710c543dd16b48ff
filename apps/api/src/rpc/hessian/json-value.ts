import { AppError } from '@message-center/core/contracts/errors.ts'
import { isJavaObject, type JavaObject } from './java-object.ts'

/** Deeper than any message may be; also what ends a value that contains itself. */
const MAX_DEPTH = 64
/** Of a BigInteger: more digits than any number of a message has. */
const MAX_WORDS = 128
/** What a list or an object counts as beside what is in it: an empty one takes no text, but memory. */
const CONTAINER_SIZE = 8
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/**
 * Turns what `decodeHessian` read into what JSON can hold: long and BigDecimal keep their digits (`JSON.rawJSON`), dates are
 * ISO 8601 in UTC, an enum constant is its name, binary is base64, an object of any class its fields.
 * @param budget most nodes and characters in all, and somewhat for each list and object, lest a value that is referred to a thousand times grows a thousandfold
 * @throws AppError VALIDATION_FAILED, or PAYLOAD_TOO_LARGE beyond the budget
 */
export function createJsonConverter(budget: number): (value: unknown) => unknown {
  let left = budget

  function spend(size: number): void {
    left -= size
    if (left < 0) throw new AppError('PAYLOAD_TOO_LARGE', `the arguments take at most ${budget} bytes`)
  }

  function convert(value: unknown, depth: number): unknown {
    if (depth > MAX_DEPTH) throw invalid(`the arguments are nested deeper than ${MAX_DEPTH}, or contain themselves`)
    spend(1)
    if (typeof value === 'string') {
      spend(value.length)
      return value
    }
    if (value === null || typeof value !== 'object') return scalar(value)
    if (value instanceof Date) return isoTime(value)
    if (Buffer.isBuffer(value)) {
      spend(value.length * 2)
      return value.toString('base64')
    }
    if (isJavaObject(value)) return meaningOf(value) ?? entries(value.fields, depth)
    if (value instanceof Map) return entries(value, depth)
    if (Array.isArray(value)) {
      spend(CONTAINER_SIZE)
      return value.map((item) => convert(item, depth + 1))
    }
    throw invalid('an argument is of a kind that is not known')
  }

  function entries(map: Map<unknown, unknown>, depth: number): Record<string, unknown> {
    spend(CONTAINER_SIZE)
    const object: Record<string, unknown> = {}
    for (const [key, value] of map) {
      const name = keyOf(key)
      spend(name.length)
      object[name] = convert(value, depth + 1)
    }
    return object
  }

  function meaningOf(object: JavaObject): unknown {
    const meaning = known(object)
    if (meaning !== undefined) spend(JSON.stringify(meaning).length)
    return meaning
  }

  return (value) => convert(value, 0)
}

function scalar(value: unknown): unknown {
  if (typeof value === 'bigint') return JSON.rawJSON(value.toString())
  if (typeof value === 'number' && !Number.isFinite(value)) throw invalid(`${value} is no number that JSON knows`)
  return value
}

function keyOf(key: unknown): string {
  const name = isJavaObject(key) ? enumName(key) : key
  if (typeof name !== 'string' && typeof name !== 'number' && typeof name !== 'bigint' && typeof name !== 'boolean')
    throw invalid('the keys of a map must be strings, numbers or enum constants')
  const text = String(name)
  // As in JSON bodies: whoever copies such an object would change its prototype.
  if (text === '__proto__') throw invalid('a map has the key __proto__')
  return text
}

/** Java classes whose fields are not what a reader of JSON expects; undefined for all others. */
function known(object: JavaObject): unknown {
  const { className, fields } = object
  if (className === 'java.math.BigDecimal') {
    const digits = fields.get('value')
    if (typeof digits === 'string' && NUMBER.test(digits)) return JSON.rawJSON(digits)
  }
  if (className === 'java.math.BigInteger') return bigInteger(fields.get('signum'), fields.get('mag'))
  if (className.startsWith(JAVA_TIME)) return javaTime(className.slice(JAVA_TIME.length), fields)
  return enumName(object)
}

/** Java's BigInteger is its sign and its magnitude in words of 32 bits, the most significant first. */
function bigInteger(sign: unknown, words: unknown): unknown {
  if (!Array.isArray(words) || words.length > MAX_WORDS || !words.every((word) => Number.isInteger(word)))
    return undefined
  const magnitude = words.reduce<bigint>((sum, word) => (sum << 32n) | BigInt.asUintN(32, BigInt(word)), 0n)
  return JSON.rawJSON(String(sign === -1 ? -magnitude : magnitude))
}

/** Java's Hessian writes an enum constant as an object whose only field is its name. */
function enumName({ fields }: JavaObject): string | undefined {
  const name = fields.size === 1 ? fields.get('name') : undefined
  return typeof name === 'string' ? name : undefined
}

const JAVA_TIME = 'com.alibaba.com.caucho.hessian.io.java8.'

/**
 * java.time, as Dubbo's Hessian writes it by handles with the parts of a time.
 * @throws AppError VALIDATION_FAILED where a part is of another kind: a list's text could be of any length
 */
function javaTime(handle: string, fields: Map<string, unknown>): string | undefined {
  const number = (name: string) => {
    const value = fields.get(name) ?? 0
    if (typeof value === 'number' || typeof value === 'bigint') return Number(value)
    throw invalid(`the ${name} of a ${handle} is no number`)
  }
  const part = (name: string, width = 2) => String(number(name)).padStart(width, '0')
  const inner = (name: string, itsHandle: 'LocalDateHandle' | 'LocalTimeHandle') => {
    const value = fields.get(name)
    if (isJavaObject(value) && value.className === JAVA_TIME + itsHandle) return javaTime(itsHandle, value.fields)
    throw invalid(`the ${name} of a ${handle} is no ${itsHandle}`)
  }
  switch (handle) {
    case 'LocalDateHandle':
      return `${part('year', 4)}-${part('month')}-${part('day')}`
    case 'LocalTimeHandle':
      return `${part('hour')}:${part('minute')}:${part('second')}${fraction(number('nano'))}`
    case 'LocalDateTimeHandle':
      return `${inner('date', 'LocalDateHandle')}T${inner('time', 'LocalTimeHandle')}`
    case 'InstantHandle':
      return isoTime(new Date(number('seconds') * 1000 + number('nanos') / 1e6))
    default:
      return undefined
  }
}

function fraction(nano: number): string {
  return nano > 0 ? `.${String(nano).padStart(9, '0').replace(/0+$/, '')}` : ''
}

function isoTime(date: Date): string {
  if (Number.isNaN(date.getTime())) throw invalid('a date is out of range')
  return date.toISOString()
}

function invalid(message: string): AppError {
  return new AppError('VALIDATION_FAILED', message)
}
