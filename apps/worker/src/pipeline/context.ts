import type { AdapterLogger } from '@message-center/core/channels/adapter.ts'
import type { Candidates } from '@message-center/core/configs/candidates.ts'
import { FAILURE_CODE_PATTERN, type TraceStep } from '@message-center/core/contracts/messages.ts'
import type { DispatchResult } from '@message-center/core/messages/dispatch.ts'
import type { PipelineMessage } from '@message-center/core/messages/load-messages.ts'
import { channelsOf } from '@message-center/core/messages/message-channels.ts'
import type { Failure } from '@message-center/core/messages/outcome.ts'
import type { ChannelPlan, MessageContext } from '@message-center/core/pipeline/message-handler.ts'

/** A channel with its way out. */
export interface TrackedChannel extends ChannelPlan {
  failure: Failure | null
  /** Gives back the rate-limit slot that was reserved for it; null where there is none. */
  releaseSlot: (() => Promise<void>) | null
}

/** The context as the built-in handlers and the runner see it. */
export interface PipelineContext extends MessageContext {
  /** Every asked or configured channel in channel order, dropped ones included. */
  readonly allChannels: readonly TrackedChannel[]
  readonly failure: Failure | null
  readonly steps: TraceStep[]
  /** Set once the outcome is in the database. */
  dispatched: DispatchResult | null
  /** Notes for GET …/trace what a handler did: which channels it took out, whether it failed the message. */
  recordStep(step: string, startedAt: Date, durationMs: number): void
}

const MAX_STEP_DETAIL = 300

/** What handlers may call a failure: the error codes' column holds no more. */
const CODE_PATTERN = new RegExp(FAILURE_CODE_PATTERN)

/**
 * @param candidates the enabled configs for the message
 * @param channelOrder registered channel types in their order
 * @param logger makes the message's own logger, for the handlers that ask for it
 */
export function createContext(
  message: PipelineMessage,
  candidates: Candidates,
  channelOrder: readonly string[],
  logger: () => AdapterLogger,
): PipelineContext {
  const all = channelsOf(message, candidates, channelOrder).map((channelType) => newChannel(channelType, candidates))
  let failure: Failure | null = null
  let newDrops: string[] = []
  const steps: TraceStep[] = []
  let messageLogger: AdapterLogger | undefined
  return {
    message,
    get logger() {
      messageLogger ??= logger()
      return messageLogger
    },
    steps,
    dispatched: null,
    allChannels: all,
    get channels() {
      return failure ? [] : all.filter((channel) => channel.failure === null)
    },
    get failure() {
      return failure
    },
    recordStep(step, startedAt, durationMs) {
      const detail = failure ? `${failure.code}: ${failure.text}` : newDrops.join('; ')
      steps.push({
        step,
        at: startedAt.toISOString(),
        durationMs: Math.round(durationMs * 1000) / 1000,
        outcome: failure ? 'failed' : newDrops.length > 0 ? 'dropped' : 'ok',
        ...(detail ? { detail: detail.slice(0, MAX_STEP_DETAIL) } : {}),
      })
      newDrops = []
    },
    drop(channelType, code, text) {
      checkCode(code)
      const channel = all.find((candidate) => candidate.channelType === channelType && candidate.failure === null)
      if (!channel) return
      channel.failure = { code, text }
      newDrops.push(`${channelType} ${code}`)
    },
    fail(code, text) {
      checkCode(code)
      failure ??= { code, text }
    },
  }
}

function newChannel(channelType: string, candidates: Candidates): TrackedChannel {
  return {
    channelType,
    candidates: candidates.get(channelType) ?? [],
    config: candidates.get(channelType)?.[0] ?? null,
    notBefore: null,
    messageType: null,
    renderedContent: null,
    recipients: null,
    failure: null,
    releaseSlot: null,
  }
}

/** Handlers from outside are not type-checked. */
function checkCode(code: string): void {
  if (!CODE_PATTERN.test(code))
    throw new TypeError(`'${code}' is no failure code: it must match ${FAILURE_CODE_PATTERN}`)
}
