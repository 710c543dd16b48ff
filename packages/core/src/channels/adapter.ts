import type { TSchema } from 'typebox'
import type { Content, ContentOf, MessageType } from '../contracts/content.ts'

/** Whom the message is for, normalised: every field present, duplicates removed. */
export interface Recipients {
  userIds: string[]
  mobiles: string[]
  all: boolean
}

/** The part of the WHATWG fetch API that adapters use; ours adds pooling, a cap on the answer's size and refuses redirects. */
export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>

export interface AdapterLogger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface SendInput {
  /** The channel config's `configJson`, decrypted and already checked against `configSchema`. */
  config: Record<string, unknown>
  messageType: MessageType
  /** Rendered content in the shape of its type: a string for TEXT, an object for the others (see contracts/content.ts). */
  content: Content
  recipients: Recipients
  /** The same for every attempt of one task, different between tasks: for providers that can drop doubles. */
  idempotencyKey: string
  /** Where the message belongs, for channels that keep it themselves. */
  task: TaskIdentity
  /** What an earlier attempt of the same task last gave to `saveProgress`: what need not be sent again. */
  progress?: unknown
}

export interface TaskIdentity {
  tenantId: string
  messageId: string
  taskId: string
}

export interface SendTools {
  fetch: Fetch
  /** Aborted when the send has taken too long or the process is shutting down. */
  signal: AbortSignal
  logger: AdapterLogger
  /**
   * For a message that takes several provider calls: keeps how far it has come (anything that JSON holds, at most 60 KiB).
   * Resolves when it is stored; the next attempt of the task finds it in `SendInput.progress`. Absent where a send has no
   * task, as in the test of a config.
   */
  saveProgress?(progress: unknown): Promise<void>
}

export interface SendOutcome {
  /** The provider's answer, kept with the task (secrets removed). */
  response: unknown
  /** The provider's id of the message, where it gives one; several are joined by commas. At most 8000 characters. */
  providerMessageId?: string
  /** What a person should know about a success, e.g. recipients that the provider did not know. */
  detail?: string
  /** The provider delivers later: `checkResult` is called once after so long. Needs a `providerMessageId`. */
  checkResultAfterMs?: number
}

/** A message that the provider took, as `recall` and `checkResult` are given it. */
export interface SentMessage {
  config: Record<string, unknown>
  /** What `send` returned; null where it returned none. */
  providerMessageId: string | null
  task: TaskIdentity
}

/** What the provider made of a message that it had taken. */
export interface DeliveryReport {
  /** For people, e.g. who was not reached and why; absent where there is nothing to tell. */
  detail?: string
}

export interface RecallOutcome {
  recalled: boolean
  /** Why not, or what of it was not. */
  reason?: string
}

/**
 * The exact payloads that a content becomes, one per mode that the adapter has; for previews. A mode whose limits the content
 * exceeds is absent. `app` is without what the config or the recipients add.
 */
export interface Payloads {
  robot?: unknown
  app?: unknown
}

/** One channel. Everything else (queue, validation of configs, OpenAPI, metrics) follows from this object. */
export interface ChannelAdapter {
  /** `[A-Z][A-Z0-9_]{1,31}`, unique: names the queue and the templates. */
  type: string
  displayName: string
  /** JSON Schema (or TypeBox) of `configJson`. */
  configSchema: TSchema | Record<string, unknown>
  /** Keys of `configJson` that are never shown, logged or traced. */
  secretFields: readonly string[]
  messageTypes: readonly MessageType[]
  /** Defaults of a new config's rate limit. */
  rateLimit: { count: number; window: number; unit: 'SECOND' | 'MINUTE' | 'HOUR' | 'DAY' }
  /** IANA zone of the calendar by which the provider counts a month (`monthlyQuota`); Asia/Shanghai without it. */
  timeZone?: string
  /** Upper bound of the content in UTF-8 bytes, where one figure holds for all types. */
  maxBytes?: number
  /** Checks of a config that a schema cannot express; returns one `{path, message}` per fault. Must not do I/O. */
  checkConfig?(config: Record<string, unknown>): { path: string; message: string }[]
  /** True where a send without recipients has nobody to reach (app messages, inbox); the task then fails as NO_RECIPIENT. */
  requiresRecipients?(config: Record<string, unknown>): boolean
  /**
   * Whom the message goes to, where the config has a say in it.
   * @param render renders a text template with the message's data; throws where a variable is missing
   */
  resolveRecipients?(
    config: Record<string, unknown>,
    given: Recipients,
    render: (template: string) => string,
  ): Recipients
  /** The provider payloads for a content, without sending: previews and size checks. */
  payloads?(messageType: MessageType, content: Content, recipients: Recipients): Payloads
  /**
   * Sends once; resolves when the provider took the message.
   * @throws ChannelError (or any Error with the property `errorClass`); anything else counts as TRANSIENT
   */
  send(input: SendInput, tools: SendTools): Promise<SendOutcome>
  /**
   * Asks what became of a message whose send said `checkResultAfterMs`; undefined = the provider does not know yet.
   * The task stays SUCCESS; the report is added to its text.
   * @throws ChannelError
   */
  checkResult?(sent: SentMessage, tools: SendTools): Promise<DeliveryReport | undefined>
  /**
   * For a provider whose access tokens run out: fetches the next one where the present one has less than `aheadMs` left, so
   * that no message waits for it. Called for every enabled config about once a minute; one whose token nobody uses has none.
   * @returns whether one was fetched
   * @throws ChannelError
   */
  refreshToken?(config: Record<string, unknown>, aheadMs: number, tools: SendTools): Promise<boolean>
  /**
   * Takes a delivered message back. Where its config was deleted it is asked only if an empty config fits `configSchema`,
   * and is given that. A refusal of the provider (too old, cannot be recalled) is an outcome, not an error.
   * @throws ChannelError for a passing fault: asking again may help
   */
  recall?(sent: SentMessage, tools: SendTools): Promise<RecallOutcome>
}

/** One message type of one channel: turns content into the provider's payload. */
export type Strategy<Type extends MessageType, Payload> = (content: ContentOf[Type], recipients: Recipients) => Payload

/** Gives a channel adapter its type; returns the object unchanged. */
export function defineChannelAdapter(adapter: ChannelAdapter): ChannelAdapter {
  return adapter
}
