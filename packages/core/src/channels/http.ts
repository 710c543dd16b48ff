import { Agent } from 'undici'
import type { Fetch } from './adapter.ts'
import { ChannelError } from './channel-error.ts'
import { exchange, type HttpAnswer, type HttpHeaders, type HttpRequest } from './http-exchange.ts'
import { networkFault } from './http-faults.ts'

const CONNECT_TIMEOUT_MS = 3000
const MAX_ANSWER_BYTES = 1024 * 1024

export interface ProviderFetchOptions {
  /** Milliseconds for one whole call; `SEND_TIMEOUT_MS`. */
  timeoutMs: number
  /** Connections per origin; default: as many as calls run at once, so that one hanging call never holds up another. */
  connections?: number
  /** Largest answer taken, in bytes; default 1 MiB. */
  maxAnswerBytes?: number
  /** Runs each call, for traces. */
  around?(request: HttpRequest, call: () => Promise<HttpAnswer>): Promise<HttpAnswer>
}

/** A `Fetch` that also offers the short way below it, which built-in adapters take through `postJson`. */
export interface ProviderFetch extends Fetch {
  /** @throws ChannelError (see http-exchange.ts) */
  exchange(request: HttpRequest): Promise<HttpAnswer>
}

/**
 * The HTTP client of one process's sends: keep-alive, one request per connection at a time, no redirects, capped answers.
 * `fetch` has the shape of the web's fetch, with two differences: the answer is read whole before it resolves, and a failed
 * call rejects with a ChannelError that already says whether the message may have arrived.
 * `close` waits for the calls under way (each ends within `timeoutMs`).
 */
export function createProviderFetch(options: ProviderFetchOptions): { fetch: ProviderFetch; close(): Promise<void> } {
  const agent = new Agent({
    connections: options.connections ?? null,
    pipelining: 1,
    // One connection shared by all calls would let one reset make many outcomes unknown.
    allowH2: false,
    connect: { timeout: Math.min(CONNECT_TIMEOUT_MS, options.timeoutMs) },
    // One deadline over the whole call (http-exchange.ts) instead: an answer that drips would outlive these two.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxResponseSize: options.maxAnswerBytes ?? MAX_ANSWER_BYTES,
  })
  const call = (request: HttpRequest): Promise<HttpAnswer> => exchange(agent, request, options.timeoutMs)
  const { around } = options
  const run = around ? (request: HttpRequest) => around(request, () => call(request)) : call
  const fetch = async (url: string | URL, init: RequestInit = {}): Promise<Response> =>
    responseOf(await run(await requestOf(url, init)))
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    closed ??= agent.close()
    return closed
  }
  return { fetch: Object.assign(fetch, { exchange: run }), close }
}

/**
 * The same fetch, but no call begins after `latest` (on performance.now()'s clock): the timer that ends a send runs late in a
 * process that stood still, and by then somebody else may be sending.
 */
export function fetchUntil(fetch: Fetch, latest: number): Fetch {
  const inTime = () => {
    if (performance.now() <= latest) return
    throw new ChannelError('TRANSIENT', { code: 'TIMEOUT', message: 'the time was over before the call began' })
  }
  const guarded: Fetch = async (url, init) => {
    inTime()
    return fetch(url, init)
  }
  if (!isProviderFetch(fetch)) return guarded
  return Object.assign(guarded, {
    async exchange(request: HttpRequest) {
      inTime()
      return fetch.exchange(request)
    },
  })
}

async function requestOf(url: string | URL, init: RequestInit): Promise<HttpRequest> {
  const request = new Request(url, { ...init, signal: null })
  // Answers are handed on as they come, so a compressed one must not be asked for.
  request.headers.delete('accept-encoding')
  const body = request.body === null ? null : new Uint8Array(await request.arrayBuffer())
  return {
    url,
    method: request.method,
    headers: Object.fromEntries(request.headers),
    body,
    signal: init.signal ?? null,
  }
}

function responseOf({ status, headers, body }: HttpAnswer): Response {
  const pairs = Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []].flat().map((one): [string, string] => [name, one]),
  )
  const withoutBody = status === 204 || status === 205 || status === 304
  return new Response(withoutBody ? null : new Uint8Array(body), { status, headers: pairs })
}

export interface JsonAnswer {
  status: number
  headers: HttpHeaders
  text: string
  /** The parsed body; absent where it is not JSON. */
  json?: unknown
}

/**
 * Posts `body` as JSON and reads the answer, whatever its status.
 * @throws ChannelError TRANSIENT (not sent), UNKNOWN (may have arrived), PERMANENT (redirect refused)
 */
export async function postJson(call: {
  fetch: Fetch
  url: string | URL
  body: unknown
  signal: AbortSignal
}): Promise<JsonAnswer> {
  const headers = { 'content-type': 'application/json; charset=utf-8' }
  return jsonAnswer(call.fetch, {
    url: call.url,
    method: 'POST',
    headers,
    body: JSON.stringify(call.body),
    signal: call.signal,
  })
}

/**
 * Gets an address and reads the answer, whatever its status.
 * @throws ChannelError TRANSIENT (not sent), UNKNOWN (no answer), PERMANENT (redirect refused)
 */
export async function getJson(call: { fetch: Fetch; url: string | URL; signal: AbortSignal }): Promise<JsonAnswer> {
  return jsonAnswer(call.fetch, { url: call.url, method: 'GET', headers: {}, body: null, signal: call.signal })
}

async function jsonAnswer(fetch: Fetch, request: HttpRequest & { body: string | null }): Promise<JsonAnswer> {
  if (!isProviderFetch(fetch)) return withJson(await plainFetch(fetch, request))
  const { status, headers, body } = await fetch.exchange(request)
  return withJson({ status, headers, text: body.toString('utf8') })
}

function isProviderFetch(fetch: Fetch): fetch is ProviderFetch {
  return 'exchange' in fetch
}

/** Any other fetch: it does not tell whether the request was written, so only its error's code can be judged. */
async function plainFetch(fetch: Fetch, { url, ...init }: HttpRequest & { body: string | null }): Promise<JsonAnswer> {
  try {
    const response = await fetch(url, { ...init, redirect: 'error' })
    return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() }
  } catch (error) {
    throw error instanceof ChannelError ? error : networkFault(error)
  }
}

function withJson(answer: JsonAnswer): JsonAnswer {
  try {
    return { ...answer, json: JSON.parse(answer.text) }
  } catch {
    // Not JSON: `json` stays absent, and the adapter's answer table says what that means for its provider.
    return answer
  }
}
