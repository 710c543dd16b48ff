import { ChannelError } from './channel-error.ts'

/** Codes of faults that happen before a connection stands: nothing of the request can have been written. */
const CONNECT_CODES = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])

/** undici's error for an answer that is not HTTP; it has a name where the others have a code. */
const PARSER_ERROR = 'HTTPParserError'

/**
 * What a network fault means for the message. Before the request was written the provider cannot have it: TRANSIENT.
 * From the first byte on it may have arrived: UNKNOWN.
 * @param sent whether writing the request had begun; `undefined` = judge by the error's code (a fetch that is not ours)
 */
export function networkFault(error: unknown, sent?: boolean): ChannelError {
  const { code, text } = codeOf(error)
  if (code === 'UND_ERR_INVALID_ARG') {
    return new ChannelError('PERMANENT', { code: 'INVALID_REQUEST', message: text }, { cause: error })
  }
  if (!(sent ?? !CONNECT_CODES.has(code))) {
    const ours = code.includes('TIMEOUT') || code === 'ETIMEDOUT' ? 'CONNECT_TIMEOUT' : 'CONNECT_FAILED'
    return new ChannelError('TRANSIENT', { code: ours, message: `no connection: ${text}` }, { cause: error })
  }
  return new ChannelError('UNKNOWN', { code: sentCode(code), message: `no answer: ${text}` }, { cause: error })
}

function sentCode(code: string): string {
  if (code.includes('TIMEOUT') || code === 'ETIMEDOUT') return 'TIMEOUT'
  if (code === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return 'ANSWER_TOO_LARGE'
  if (code === PARSER_ERROR || code === 'UND_ERR_HEADERS_OVERFLOW') return 'INVALID_ANSWER'
  return 'CONNECTION_LOST'
}

/** The whole call took longer than it may. Not sent = no connection (or no free one) within the time. */
export function deadlineFault(timeoutMs: number, sent: boolean): ChannelError {
  return sent
    ? new ChannelError('UNKNOWN', { code: 'TIMEOUT', message: `no answer within ${timeoutMs} ms` })
    : new ChannelError('TRANSIENT', { code: 'CONNECT_TIMEOUT', message: `no connection within ${timeoutMs} ms` })
}

/** The caller's signal ended the call: its time-out, or a shutdown. */
export function abortFault(reason: unknown, sent: boolean): ChannelError {
  const timedOut = reason instanceof Error && reason.name === 'TimeoutError'
  const state = sent ? 'after the request was sent' : 'before the request was sent'
  return new ChannelError(
    sent ? 'UNKNOWN' : 'TRANSIENT',
    { code: timedOut ? 'TIMEOUT' : 'ABORTED', message: `${timedOut ? 'timed out' : 'aborted'} ${state}` },
    { cause: reason },
  )
}

/** Redirects are refused: the address was checked, where it points to was not. */
export function redirectFault(status: number): ChannelError {
  return new ChannelError('PERMANENT', {
    code: 'REDIRECT_REFUSED',
    message: `the provider answered HTTP ${status}, a redirect`,
  })
}

/** The system's or undici's code, which fetch hides one `cause` deeper. */
function codeOf(error: unknown): { code: string; text: string } {
  let current = error
  while (current instanceof Error) {
    if (current.name === PARSER_ERROR) return { code: PARSER_ERROR, text: current.message }
    if ('code' in current && typeof current.code === 'string') {
      const text = current.message.includes(current.code) ? current.message : `${current.code} ${current.message}`
      return { code: current.code, text: text.trim() }
    }
    if (current.cause === undefined) break
    current = current.cause
  }
  return { code: '', text: current instanceof Error ? current.message : String(current) }
}
