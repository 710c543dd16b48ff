import type { ErrorClass } from '@message-center/core'
import { feishuError } from './feishu-error.ts'

interface CodeRule {
  errorClass: ErrorClass
  /** For an answer without a text of its own. */
  meaning: string
  retryAfterMs?: number
}

const permanent = (meaning: string): CodeRule => ({ errorClass: 'PERMANENT', meaning })

/** What Feishu's codes mean for the message. A code that is not here is PERMANENT. */
const CODES: Readonly<Record<string, CodeRule>> = {
  9499: permanent('the body is malformed or over 20 KB'),
  19001: permanent('the token of the webhook is not valid: the bot was removed'),
  19021: permanent('the signature is wrong, or the clock is more than an hour off'),
  19022: permanent('our IP is not in the allow list of the bot'),
  19024: permanent('the message holds none of the keywords of the bot'),
  // Five a second: the hundred a minute are kept by the rate limit of the config.
  11232: { errorClass: 'RATE_LIMITED', meaning: 'too many calls at once', retryAfterMs: 10_000 },
  99991400: { errorClass: 'RATE_LIMITED', meaning: 'over the call limit', retryAfterMs: 60_000 },
}

const DEFAULT_RETRY_AFTER_MS = 60_000
const LEAST_RETRY_AFTER_MS = 1000
const MAX_TEXT = 400
const MAX_RESPONSE = 4000

/**
 * Reads the answer of a webhook: `{code, msg}`, or `{StatusCode, StatusMessage}` of older deployments, on any HTTP status.
 * @returns the answer of a success, to be kept
 * @throws Error with `errorClass`
 */
export async function readAnswer(answer: Response): Promise<unknown> {
  const text = await answer.text()
  const json = parsed(text)
  const response = text.slice(0, MAX_RESPONSE)
  const wait = retryAfterMs(answer.headers)
  const httpFault = { code: `HTTP_${answer.status}`, message: `Feishu answered HTTP ${answer.status}`, response }
  if (answer.status === 429)
    throw feishuError('RATE_LIMITED', { ...httpFault, retryAfterMs: wait ?? DEFAULT_RETRY_AFTER_MS })
  if (answer.status >= 500) throw feishuError('TRANSIENT', httpFault)
  const { code, message } = codeOf(json)
  if (code === 0 && answer.ok) return json
  if (code === undefined || code === 0) {
    if (!answer.ok) throw feishuError('PERMANENT', httpFault)
    throw feishuError('TRANSIENT', { code: 'INVALID_ANSWER', message: 'the answer has no code', response })
  }
  const rule = CODES[code] ?? permanent('a code that Feishu does not document')
  throw feishuError(rule.errorClass, {
    code: String(code),
    message: (message || rule.meaning).slice(0, MAX_TEXT),
    response,
    ...(rule.retryAfterMs === undefined ? {} : { retryAfterMs: wait ?? rule.retryAfterMs }),
  })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not JSON: without a code in it, the HTTP status decides.
    return undefined
  }
}

function codeOf(json: unknown): { code: number | undefined; message: string } {
  const { code, msg, StatusCode, StatusMessage } = Object(json) as Record<string, unknown>
  const found = [code, StatusCode].find((value) => typeof value === 'number')
  const message = [msg, StatusMessage].find((value) => typeof value === 'string')
  return { code: found as number | undefined, message: (message as string | undefined) ?? '' }
}

/** Feishu's gateway names the seconds in a header of its own; proxies before it use the usual one. */
function retryAfterMs(headers: Headers): number | undefined {
  const value = headers.get('x-ogw-ratelimit-reset') ?? headers.get('retry-after') ?? ''
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(ms, LEAST_RETRY_AFTER_MS)
}
