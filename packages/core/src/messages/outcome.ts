import type { OutcomeCode } from '../contracts/messages.ts'

/** Longest `result_message` and `error_message`. */
const MAX_TEXT = 500

/** Why a message or a task failed: a stable code and a text for people. */
export interface Failure {
  code: OutcomeCode
  text: string
}

/** `CODE: text`, cut to what the column holds. */
export function resultMessage({ code, text }: Failure): string {
  const full = text === '' ? code : `${code}: ${text}`
  return full.length > MAX_TEXT ? `${full.slice(0, MAX_TEXT - 1)}…` : full
}
