import type { ChannelAdapter, Content, ErrorClass, MessageType, Recipients } from '@message-center/core'

/** What the conformance checks need to know of an adapter. */
export interface ConformanceFixture {
  /** A fresh adapter that calls its provider at `providerUrl`, e.g. `http://127.0.0.1:40123`. Called for each check. */
  createAdapter(providerUrl: string): ChannelAdapter
  /** A config that works there, with every credential that the adapter knows. */
  config(providerUrl: string): Record<string, unknown>
  /** The credentials in that config as a log must not show them: whole values, and what stands in a webhook. */
  secrets: readonly string[]
  /** Configs that must be refused: a missing field, a wrong kind, a webhook at another host … */
  invalidConfigs(providerUrl: string): Record<string, unknown>[]
  /** Whom test messages are for; default: two user ids. */
  recipients?: Recipients
  /** Content of test messages where the plain ones will not do. */
  contents?: Partial<Record<MessageType, Content>>
  /** The provider that the adapter calls; absent where it calls none. */
  provider?: ProviderFixture
}

/** A fake provider. It is called over real HTTP, with faults put in front of it. */
export interface ProviderFixture {
  /** Answers as the provider does when nothing is wrong. The stricter about what it is sent, the better. */
  answer(request: ProviderRequest): ProviderAnswer | Promise<ProviderAnswer>
  /** Tells the calls that carry a message from those before it (access token, look-ups); default: all carry one. */
  isMessage?(request: ProviderRequest): boolean
  /** Answers by which the provider refuses a message, each with what it means; as many as it has codes. */
  refusals: readonly Refusal[]
  /** The part of a request that `adapter.payloads` shows; default: the JSON body. */
  payloadOf?(request: ProviderRequest): unknown
  /** Fields of the query and of the JSON body that differ between two attempts of a task, e.g. `timestamp`. */
  changesWithTime?: readonly string[]
  /** True where the provider's HTTP status says everything and its body nothing. */
  trustsStatus?: boolean
}

/** A call as the provider gets it. */
export interface ProviderRequest {
  method: string
  /** Path and query. */
  url: URL
  /** Names in lower case. */
  headers: Record<string, string>
  body: string
}

export interface ProviderAnswer {
  /** 200 by default. */
  status?: number
  headers?: Record<string, string>
  /** An object is sent as JSON. */
  body: string | object
}

export interface Refusal {
  answer: ProviderAnswer
  errorClass: ErrorClass
  /** As the error should carry it. */
  code?: string
  retryAfterMs?: number
}
