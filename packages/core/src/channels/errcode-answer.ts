import { ChannelError, type ErrorClass } from './channel-error.ts'
import type { JsonAnswer } from './http.ts'
import { httpStatusFault } from './http-status.ts'
import { redact } from './redact.ts'

/** What one code of a provider means. */
export interface CodeRule {
  errorClass: ErrorClass
  /** In English, for the answer that brings no text of its own. */
  meaning: string
  retryAfterMs?: number
}
export type CodeTable = Readonly<Record<string, CodeRule>>

export const transient = (meaning: string): CodeRule => ({ errorClass: 'TRANSIENT', meaning })
export const permanent = (meaning: string): CodeRule => ({ errorClass: 'PERMANENT', meaning })
export const tokenExpired = (meaning: string): CodeRule => ({ errorClass: 'TOKEN_EXPIRED', meaning })
export const rateLimited = (seconds: number, meaning: string): CodeRule => ({
  errorClass: 'RATE_LIMITED',
  meaning,
  retryAfterMs: seconds * 1000,
})

export interface ErrcodeDialect {
  codes: CodeTable
  /** What an answer means whose code alone does not tell; asked before the table. */
  refine?(errcode: number, json: unknown): CodeRule | undefined
  /** The part of `errmsg` worth showing. */
  readableText(errmsg: string): string
  /** What an answer means that is not the provider's usual JSON, e.g. a ban page; asked before the HTTP status. */
  strangeAnswer?(answer: JsonAnswer): CodeRule | undefined
}

/** Room that `result_message` leaves beside our own words. */
const MAX_MESSAGE_CHARACTERS = 400
const MAX_RESPONSE_CHARACTERS = 4000

/**
 * Reads the answer of a provider that reports by `{errcode, errmsg}`; HTTP 200 alone means nothing there.
 * @returns the answer to keep, for a success (`errcode` 0, also as the string "0")
 * @throws ChannelError by the dialect's table; an unknown code is PERMANENT
 */
export function readErrcodeAnswer(answer: JsonAnswer, dialect: ErrcodeDialect, secrets: readonly string[]): unknown {
  const text = redact(answer.text, secrets)
  const kept = text.slice(0, MAX_RESPONSE_CHARACTERS)
  const strange = dialect.strangeAnswer?.(answer)
  if (strange) throw fault('INVALID_ANSWER', strange, strange.meaning, kept)
  const statusFault = httpStatusFault(answer, kept, Date.now())
  if (statusFault) throw statusFault
  const errcode = errcodeOf(answer.json)
  if (errcode === undefined) {
    throw fault('INVALID_ANSWER', transient('the answer has no errcode'), 'the answer has no errcode', kept)
  }
  if (errcode === 0) return text === answer.text ? answer.json : text
  const rule =
    dialect.refine?.(errcode, answer.json) ??
    dialect.codes[String(errcode)] ??
    permanent('a code that the provider does not document')
  const shown = dialect.readableText(redact(errmsgOf(answer.json), secrets).slice(0, MAX_RESPONSE_CHARACTERS)).trim()
  throw fault(String(errcode), rule, shown || rule.meaning, kept)
}

function fault(code: string, rule: CodeRule, message: string, response: string): ChannelError {
  const details = { code, message: message.slice(0, MAX_MESSAGE_CHARACTERS), response }
  return new ChannelError(
    rule.errorClass,
    rule.retryAfterMs === undefined ? details : { ...details, retryAfterMs: rule.retryAfterMs },
  )
}

/** `errcode` as a number; DingTalk's own sample shows it as a string. `undefined` where there is none. */
export function errcodeOf(json: unknown): number | undefined {
  if (typeof json !== 'object' || json === null || !('errcode' in json)) return undefined
  if (typeof json.errcode === 'number') return json.errcode
  return typeof json.errcode === 'string' && /^-?\d+$/.test(json.errcode) ? Number(json.errcode) : undefined
}

/** `errmsg`, '' where there is none. */
export function errmsgOf(json: unknown): string {
  return textField(json, 'errmsg')
}

/** A text field of an answer, '' where it has none. */
export function textField(json: unknown, name: string): string {
  const value = fieldOf(json, name)
  return typeof value === 'string' ? value : ''
}

/** A field of an answer, whatever it is; undefined where there is none. */
export function fieldOf(json: unknown, name: string): unknown {
  return typeof json === 'object' && json !== null ? Object.entries(json).find(([key]) => key === name)?.[1] : undefined
}
