import type { CandidateSource } from '@message-center/core/configs/candidates.ts'
import type { ConfigChanges } from '@message-center/core/configs/watch-changes.ts'
import { isDatabaseUnavailable } from '@message-center/core/database/unavailable.ts'
import { poisonedText } from '@message-center/core/messages/interruptions.ts'
import type { PipelineMessage } from '@message-center/core/messages/load-messages.ts'
import type { DerivedStatus } from '@message-center/core/messages/message-status.ts'
import type { MessageHandler } from '@message-center/core/pipeline/message-handler.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import type { Metrics } from '@message-center/core/telemetry/metrics.ts'
import { logFieldsOf } from '../message-log.ts'
import type { StepTracer } from '../tracing/trace-pipeline.ts'
import { compose } from './compose.ts'
import { createContext, type PipelineContext } from './context.ts'
import { tellStatus } from './handlers/status-tracking.ts'

export interface RunDependencies {
  handlers: readonly MessageHandler[]
  changes: Pick<ConfigChanges, 'caughtUp'>
  configs: CandidateSource
  channelOrder: readonly string[]
  metrics: Metrics
  logger: Logger
  traceStep?: StepTracer | undefined
  /** Stores the outcome of a message that ended before the dispatch handler. */
  dispatch(context: PipelineContext): Promise<void>
  /** Told of such a message, which does not come to the handler that tells of the others. */
  onStatus(context: PipelineContext, status: DerivedStatus): void
}

export interface MessageRunner {
  /** Runs one message through all handlers; resolves when its outcome is in the database. */
  run(message: PipelineMessage): Promise<void>
  /** Fails one that keeps ending its process; no handler sees it. */
  setAside(message: PipelineMessage): Promise<void>
}

/** A fault that all messages have fills no disk. */
const TELL_EVERY_MS = 1_000

export function createMessageRunner(deps: RunDependencies): MessageRunner {
  const chain = compose<PipelineContext>(deps.handlers, (context, handler, startedAt, durationMs) => {
    deps.metrics.step.observe({ step: handler.name }, durationMs / 1000)
    context.recordStep(handler.name, startedAt, durationMs)
    deps.traceStep?.(context, handler, startedAt, durationMs)
  })

  async function contextOf(message: PipelineMessage): Promise<PipelineContext> {
    await deps.changes.caughtUp(message.changeNumber)
    const candidates = await deps.configs.candidates(message.tenantId, message.storeId)
    const logger = () => deps.logger.child(logFieldsOf(message))
    return createContext(message, candidates, deps.channelOrder, logger)
  }

  let toldAt = Number.NEGATIVE_INFINITY
  /** Nobody else does; that the database is away, others tell. */
  function tellFault(context: PipelineContext, error: unknown): void {
    if (isDatabaseUnavailable(error) || performance.now() - toldAt < TELL_EVERY_MS) return
    toldAt = performance.now()
    context.logger.warn({ err: error }, 'a pipeline step failed; the message runs again')
  }

  return {
    async run(message) {
      const context = await contextOf(message)
      await chain(context).catch((error: unknown) => {
        tellFault(context, error)
        throw error
      })
      if (context.dispatched !== null) return
      // A handler that did not call next() must have failed the message; this is for one that forgot to.
      context.fail('VALIDATION_FAILED', `handler '${context.steps.at(-1)?.step}' ended the message without saying why`)
      await deps.dispatch(context)
      tellStatus(context, deps.onStatus)
    },
    async setAside(message) {
      const context = await contextOf(message)
      context.fail('POISONED', poisonedText(message))
      await deps.dispatch(context)
      if (!context.dispatched?.dispatched) return
      deps.metrics.poisoned.inc({ stage: 'pipeline' })
      tellStatus(context, deps.onStatus)
      context.logger.error({ reason: poisonedText(message) }, 'message set aside')
    },
  }
}
