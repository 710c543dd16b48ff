import { ChannelError } from './channel-error.ts'
import type { JsonAnswer } from './http.ts'
import type { HttpHeaders } from './http-exchange.ts'

const DEFAULT_RETRY_AFTER_MS = 60_000
const LEAST_RETRY_AFTER_MS = 1000

/**
 * What an answer outside 200–299 means: 5xx TRANSIENT, 429 RATE_LIMITED (as long as Retry-After says, else 60 s), all else
 * PERMANENT. `undefined` for 200–299, where the body decides.
 * @param text the body as it may be kept (without secrets)
 * @param now epoch milliseconds, for a Retry-After that is a date
 */
export function httpStatusFault(answer: JsonAnswer, text: string, now: number): ChannelError | undefined {
  const { status } = answer
  if (status >= 200 && status < 300) return undefined
  const details = { code: `HTTP_${status}`, message: `the provider answered HTTP ${status}`, response: text }
  if (status === 429) {
    return new ChannelError('RATE_LIMITED', {
      ...details,
      retryAfterMs: Math.max(retryAfterMs(answer.headers, now) ?? DEFAULT_RETRY_AFTER_MS, LEAST_RETRY_AFTER_MS),
    })
  }
  return new ChannelError(status >= 500 && status < 600 ? 'TRANSIENT' : 'PERMANENT', details)
}

/** Retry-After in milliseconds: seconds or an HTTP date (RFC 9110 §10.2.3); undefined without one that can be read. */
export function retryAfterMs(headers: HttpHeaders, now: number): number | undefined {
  const value = [headers['retry-after'] ?? []].flat()[0]?.trim() ?? ''
  const delay = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return Number.isNaN(delay) ? undefined : delay
}
