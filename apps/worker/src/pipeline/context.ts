import type { Candidates } from '@message-center/core/configs/candidates.ts'
import type { OutcomeCode, TraceStep } from '@message-center/core/contracts/messages.ts'
import type { DispatchResult } from '@message-center/core/messages/dispatch.ts'
import type { PipelineMessage } from '@message-center/core/messages/load-messages.ts'
import type { Failure } from '@message-center/core/messages/outcome.ts'
import type { ChannelPlan, MessageContext } from '@message-center/core/pipeline/message-handler.ts'

/** A channel with its way out. */
export interface TrackedChannel extends ChannelPlan {
  failure: Failure | null
}

/** The context as the built-in handlers and the runner see it. */
export interface PipelineContext extends MessageContext {
  /** Every asked or configured channel in channel order, dropped ones included. */
  readonly allChannels: readonly TrackedChannel[]
  readonly failure: Failure | null
  readonly steps: TraceStep[]
  /** Loads the candidates, the first time; later calls find them there. */
  loadChannels(): Promise<void>
  /** Set once the outcome is in the database. */
  dispatched: DispatchResult | null
  /** Notes for GET …/trace what a handler did: which channels it took out, whether it failed the message. */
  recordStep(step: string, startedAt: Date, durationMs: number): void
}

const MAX_STEP_DETAIL = 300

/**
 * @param loadCandidates the enabled configs for the message
 * @param channelOrder registered channel types in their order
 */
export function createContext(
  message: PipelineMessage,
  loadCandidates: () => Promise<Candidates>,
  channelOrder: readonly string[],
): PipelineContext {
  let all: TrackedChannel[] = []
  let loading: Promise<void> | undefined
  let failure: Failure | null = null
  let newDrops: string[] = []
  const steps: TraceStep[] = []
  return {
    message,
    steps,
    dispatched: null,
    get allChannels() {
      return all
    },
    get channels() {
      return all.filter((channel) => channel.failure === null)
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
    loadChannels() {
      loading ??= loadCandidates().then((candidates) => {
        const wanted = channelOrder.filter((type) =>
          message.targetChannels ? message.targetChannels.includes(type) : candidates.has(type),
        )
        all = wanted.map((channelType) => newChannel(channelType, candidates))
      })
      return loading
    },
    drop(channelType: string, code: OutcomeCode, text: string) {
      const channel = all.find((candidate) => candidate.channelType === channelType && candidate.failure === null)
      if (!channel) return
      channel.failure = { code, text }
      newDrops.push(`${channelType} ${code}`)
    },
    fail(code, text) {
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
  }
}
