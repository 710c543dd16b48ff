import type { AdapterLogger, Recipients } from '../channels/adapter.ts'
import type { CandidateConfig } from '../configs/candidates.ts'
import type { MessageType } from '../contracts/content.ts'
import type { FailureCode } from '../contracts/messages.ts'
import type { PipelineMessage } from '../messages/load-messages.ts'

/** One channel of a message on its way through the pipeline. */
export interface ChannelPlan {
  readonly channelType: string
  /** Configs that may still take the message, by priority; the router and the rate limit narrow them down to one. */
  candidates: readonly CandidateConfig[]
  /** The config that takes it, once decided. */
  config: CandidateConfig | null
  /** Not before: a window that opens later, or a slot of the rate limit. */
  notBefore: Date | null
  messageType: MessageType | null
  renderedContent: string | null
  recipients: Recipients | null
}

/** What a handler sees and does. A handler that throws says "the system has a fault": the message runs again later. */
export interface MessageContext {
  readonly message: Readonly<PipelineMessage>
  /**
   * The channels that are still in, in channel order; none once the message has failed. Where an operator has a message
   * tried again, only those that have failed before.
   */
  readonly channels: readonly ChannelPlan[]
  /** Its lines carry the message's id and tenant. */
  readonly logger: AdapterLogger
  /**
   * Takes a channel out: its task is FAILED with this code and text, the others go on.
   * @param code one of ours, or your own: `^[A-Z][A-Z0-9_]{0,31}$`
   * @throws TypeError where the code is none
   */
  drop(channelType: string, code: FailureCode, text: string): void
  /** Ends the message as FAILED; codes as for `drop`. The first call counts. */
  fail(code: FailureCode, text: string): void
}

/** A pipeline step. Handlers run by `order`; the built-in ones have 100, 200 … 700. */
export interface MessageHandler {
  name: string
  order: number
  /** Does its work, then calls `next` once; not calling it is allowed only after `fail`. */
  handle(context: MessageContext, next: () => Promise<void>): Promise<void>
}

/** Gives a pipeline handler its type; returns the object unchanged. */
export function defineMessageHandler(handler: MessageHandler): MessageHandler {
  return handler
}
