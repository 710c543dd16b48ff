import { AppError } from '@message-center/core/contracts/errors.ts'
import { parseLossless } from '@message-center/core/templates/lossless-json.ts'
import { bodyText } from './body-text.ts'

/**
 * Reads the body of one message; numbers keep the digits they were sent with (JSON.parse would round a 19-digit order number).
 * @throws AppError VALIDATION_FAILED where it is not UTF-8 or not JSON that may be taken
 */
export function readMessageBody(bytes: Buffer): unknown {
  return parsed(bodyText(bytes))
}

/**
 * Reads the body of a batch. An entry that may not be taken although it is JSON (a `__proto__` key, absurd nesting) is an
 * AppError in its place, so that it fails alone.
 * @throws AppError VALIDATION_FAILED where the whole is not UTF-8 or not JSON
 */
export function readBatchBody(bytes: Buffer): unknown {
  const text = bodyText(bytes)
  try {
    return parsed(text)
  } catch (error) {
    if (!isJsonArray(text)) throw error
    return entryTexts(text).map(parsedOrError)
  }
}

function parsed(text: string): unknown {
  try {
    return parseLossless(text)
  } catch (error) {
    throw new AppError('VALIDATION_FAILED', `the body is not JSON: ${error instanceof Error ? error.message : error}`)
  }
}

function parsedOrError(text: string): unknown {
  try {
    return parsed(text)
  } catch (error) {
    return error
  }
}

function isJsonArray(text: string): boolean {
  try {
    return Array.isArray(JSON.parse(text))
  } catch {
    // Not JSON at all: the caller has the error that says so.
    return false
  }
}

/** The texts of the entries of a JSON array that is known to be well-formed and not empty. */
function entryTexts(array: string): string[] {
  const texts: string[] = []
  let depth = 0
  let start = 0
  let inString = false
  for (let at = 0; at < array.length; at++) {
    const char = array[at]
    if (inString) {
      if (char === '\\') at++
      else if (char === '"') inString = false
    } else if (char === '"') inString = true
    else if (char === '[' || char === '{') {
      if (depth === 0) start = at + 1
      depth++
    } else if (char === ']' || char === '}') {
      depth--
      if (depth === 0) texts.push(array.slice(start, at))
    } else if (char === ',' && depth === 1) {
      texts.push(array.slice(start, at))
      start = at + 1
    }
  }
  return texts
}
