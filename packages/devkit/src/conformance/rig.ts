import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { AdapterLogger, ChannelAdapter, Fetch, SendInput, SendOutcome } from '@message-center/core'
import { createProviderFetch, type ProviderFetch } from '@message-center/core/channels/http.ts'
import type { ConformanceFixture } from './fixture.ts'
import { type FrontServer, startFrontServer } from './front-server.ts'
import { sampleContent, sampleRecipients } from './samples.ts'

/** An adapter on the rig: set up anew for each check, with its provider. */
export interface Rig {
  fixture: ConformanceFixture
  adapter: ChannelAdapter
  config: Record<string, unknown>
  server: FrontServer
  /** Every line that the adapter has logged, as JSON. */
  logged: string[]
  /** Calls of the fetch that the adapter was given. */
  fetchCount(): number
  /** Sends as a worker does, but with input that cannot be changed. `fields` replace or add. */
  send(fields?: Partial<SendInput>, signal?: AbortSignal): Promise<SendOutcome>
  /** What `send` throws. Fails where it resolves. */
  sendFails(fields?: Partial<SendInput>, signal?: AbortSignal): Promise<ThrownError>
  tools(signal?: AbortSignal): Parameters<ChannelAdapter['send']>[1]
}

/** An error as adapters throw it: a ChannelError, or any Error with these fields. */
export interface ThrownError extends Error {
  errorClass?: string
  code?: string
  retryAfterMs?: number
  response?: string
}

export interface RigOptions {
  /** Of one call through the fetch, milliseconds. */
  timeoutMs?: number
  /** Instead of the provider's: an address where nobody listens. */
  providerUrl?: string
}

/** Nothing here takes longer unless it hangs. */
const PATIENCE_MS = 15_000
const NO_PROVIDER = { answer: () => ({ status: 500, body: 'this adapter was said to call no provider' }), refusals: [] }

/** Runs `check` with an adapter on the rig and clears up. */
export async function onRig(
  fixture: ConformanceFixture,
  check: (rig: Rig) => Promise<void>,
  { timeoutMs = PATIENCE_MS, providerUrl }: RigOptions = {},
): Promise<void> {
  const server = await startFrontServer(fixture.provider ?? NO_PROVIDER)
  const providers = createProviderFetch({ timeoutMs })
  try {
    await check(setUp(fixture, server, providerUrl ?? server.url, providers.fetch))
  } finally {
    await server.close()
    await providers.close()
  }
}

function setUp(fixture: ConformanceFixture, server: FrontServer, url: string, providerFetch: ProviderFetch): Rig {
  const adapter = fixture.createAdapter(url)
  const config = frozen(fixture.config(url))
  const logged: string[] = []
  const { fetch, count } = counting(providerFetch)
  const tools = (signal = new AbortController().signal) => ({ fetch, signal, logger: recordingLogger(logged) })
  const send = (fields: Partial<SendInput> = {}, signal?: AbortSignal): Promise<SendOutcome> =>
    inTime(adapter.send({ ...plainInput(adapter, config, fixture), ...frozen(fields) }, tools(signal)))
  const sendFails = (fields?: Partial<SendInput>, signal?: AbortSignal): Promise<ThrownError> =>
    send(fields, signal).then(
      (outcome) => assert.fail(`send should have failed, but resolved with ${JSON.stringify(outcome)}`),
      (error: unknown) => {
        assert.ok(error instanceof Error, `send threw something that is no Error: ${error}`)
        return error
      },
    )
  return { fixture, adapter, config, server, logged, fetchCount: count, send, sendFails, tools }
}

function plainInput(adapter: ChannelAdapter, config: Record<string, unknown>, fixture: ConformanceFixture): SendInput {
  const [messageType = 'TEXT'] = adapter.messageTypes
  return {
    config,
    messageType,
    content: frozen(sampleContent(messageType, fixture)),
    recipients: frozen(sampleRecipients(fixture)),
    idempotencyKey: 'mc-7',
    task: { tenantId: '1', messageId: 'm-7', taskId: '7' },
  }
}

/** The service shares configs between sends: who changes one changes all. A frozen copy makes that an error at once. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  const copy = Array.isArray(value)
    ? value.map(frozen)
    : Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, frozen(inner)]))
  return Object.freeze(copy) as T
}

/** The service's own fetch, with both of its ways in counted. */
function counting(fetch: ProviderFetch): { fetch: Fetch; count(): number } {
  let calls = 0
  const counted: Fetch = (url, init) => {
    calls += 1
    return fetch(url, init)
  }
  const exchange: ProviderFetch['exchange'] = (request) => {
    calls += 1
    return fetch.exchange(request)
  }
  return { fetch: Object.assign(counted, { exchange }), count: () => calls }
}

function recordingLogger(logged: string[]): AdapterLogger {
  const log = (fields: object, message: string) => void logged.push(JSON.stringify({ ...fields, message }))
  return { debug: log, info: log, warn: log, error: log }
}

/** A guard against hanging, not a promise of speed. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  const done = new AbortController()
  const late = delay(PATIENCE_MS, undefined, { signal: done.signal }).then(() => {
    throw new Error(`send was not over after ${PATIENCE_MS / 1000} s`)
  })
  late.catch(() => undefined)
  return await Promise.race([work, late]).finally(() => done.abort())
}
