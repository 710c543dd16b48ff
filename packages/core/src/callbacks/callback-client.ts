import { isIP, type LookupFunction } from 'node:net'
import { Agent, buildConnector, request } from 'undici'
import { retryAfterMs } from '../channels/http-status.ts'
import type { MayReach } from './address-rules.ts'
import { createHostResolver, type ResolveHost } from './resolve-host.ts'

const CONNECT_TIMEOUT_MS = 5_000
/** What a receiver says besides its status interests nobody: a little is read, to use the connection again. */
const MAX_ANSWER_BYTES = 16 * 1024
const MAX_ANSWER_MS = 1_000

export interface CallbackRequest {
  url: string
  headers: Record<string, string>
  body: string
  /** Ends the try at a shutdown. */
  signal: AbortSignal
}

/** What a try led to. Texts hold nothing of the URL, which may carry credentials. */
export type CallbackAnswer =
  | { status: number; retryAfterMs: number | undefined }
  /** No answer at all. */
  | { fault: string }

export interface CallbackClient {
  post(request: CallbackRequest): Promise<CallbackAnswer>
  close(): Promise<void>
}

/**
 * The HTTP client of callbacks: each connection is checked for the address that it really goes to, so a name that
 * leads inside, or leads elsewhere at the second look, is refused. No redirects, no proxies, one deadline over the whole try.
 * @param options.timeoutMs for one try, from the look-up of the name to the head of the answer
 */
export function createCallbackClient(options: {
  timeoutMs: number
  mayReach: MayReach
  resolve?: ResolveHost
}): CallbackClient {
  const { timeoutMs } = options
  const agent = new Agent({
    pipelining: 1,
    allowH2: false,
    connect: guardedConnector(options),
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  return {
    async post({ url, headers, body, signal }) {
      const deadline = AbortSignal.timeout(timeoutMs)
      try {
        const answer = await request(url, {
          dispatcher: agent,
          method: 'POST',
          headers: { 'content-type': 'application/json', 'user-agent': 'message-center', ...headers },
          body,
          signal: AbortSignal.any([deadline, signal]),
        })
        // The status is what counts: a body that is too long or never ends is cut off.
        answer.body.dump({ limit: MAX_ANSWER_BYTES, signal: AbortSignal.timeout(MAX_ANSWER_MS) }).catch(() => undefined)
        return { status: answer.statusCode, retryAfterMs: retryAfterMs(answer.headers, Date.now()) }
      } catch (error) {
        if (deadline.aborted) return { fault: `no answer within ${timeoutMs} ms` }
        return { fault: signal.aborted ? 'no answer before this service stopped' : faultText(error) }
      }
    },
    close: () => agent.close(),
  }
}

class RefusedAddress extends Error {
  override readonly name = 'RefusedAddress'
  constructor() {
    super('the host leads to an address that callbacks may not reach')
  }
}

function guardedConnector(options: {
  timeoutMs: number
  mayReach: MayReach
  resolve?: ResolveHost
}): buildConnector.connector {
  const { timeoutMs, mayReach, resolve = createHostResolver() } = options
  const lookup: LookupFunction = (hostname, { all }, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const [first, ...others] = addresses.filter(mayReach).map((address) => ({ address, family: isIP(address) }))
        if (!first) callback(new RefusedAddress(), '', 0)
        else if (all) callback(null, [first, ...others])
        else callback(null, first.address, first.family)
      },
      (error) => callback(error, '', 0),
    )
  }
  const connect = buildConnector({ timeout: Math.min(CONNECT_TIMEOUT_MS, timeoutMs), allowH2: false, lookup })
  return (target, callback) => {
    // A literal address is connected to without a look-up.
    if (isIP(target.hostname) !== 0 && !mayReach(target.hostname)) callback(new RefusedAddress(), null)
    else connect(target, callback)
  }
}

/** The code says enough: messages name addresses. */
function faultText(error: unknown): string {
  if (error instanceof RefusedAddress) return error.message
  if (error instanceof AggregateError) return faultText(error.errors[0])
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return code === '' ? 'no answer' : `no answer: ${code}`
}
