import type { FailureCode } from '../contracts/messages.ts'

/** Longest `result_message` and `error_message`. */
export const MAX_TEXT = 500

/** Why a message or a task failed: a stable code and a text for people. */
export interface Failure {
  code: FailureCode
  text: string
}

/** `CODE: text`, cut to what the column holds. */
export function resultMessage({ code, text }: Failure): string {
  return cut(text === '' ? code : `${code}: ${text}`, MAX_TEXT)
}

/**
 * Text of others as it may be stored: at most `max` UTF-16 units, and none of them half of a surrogate pair, which the
 * database's JSON functions refuse.
 */
export function cut(text: string, max: number): string {
  return (text.length > max ? `${text.slice(0, max - 1)}…` : text).toWellFormed()
}
