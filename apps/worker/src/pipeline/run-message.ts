import type { CandidateSource } from '@message-center/core/configs/candidates.ts'
import type { ConfigChanges } from '@message-center/core/configs/watch-changes.ts'
import type { PipelineMessage } from '@message-center/core/messages/load-messages.ts'
import type { DerivedStatus } from '@message-center/core/messages/message-status.ts'
import type { MessageHandler } from '@message-center/core/pipeline/message-handler.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import type { Metrics } from '@message-center/core/telemetry/metrics.ts'
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
  /** Stores the outcome of a message that ended before the dispatch handler. */
  dispatch(context: PipelineContext): Promise<void>
  /** Told of such a message, which does not come to the handler that tells of the others. */
  onStatus(context: PipelineContext, status: DerivedStatus): void
}

/** Runs one message through all handlers; resolves when its outcome is in the database. */
export function createMessageRunner(deps: RunDependencies): (message: PipelineMessage) => Promise<void> {
  const chain = compose<PipelineContext>(deps.handlers, (context, handler, startedAt, durationMs) => {
    deps.metrics.step.observe({ step: handler.name }, durationMs / 1000)
    context.recordStep(handler.name, startedAt, durationMs)
  })
  return async (message) => {
    await deps.changes.caughtUp(message.changeNumber)
    const candidates = await deps.configs.candidates(message.tenantId, message.storeId)
    const { tenantId, messageId } = message
    const logger = () => deps.logger.child({ tenantId, messageId })
    const context = createContext(message, candidates, deps.channelOrder, logger)
    await chain(context)
    if (context.dispatched === null) {
      // A handler that did not call next() must have failed the message; this is for one that forgot to.
      context.fail('VALIDATION_FAILED', `handler '${context.steps.at(-1)?.step}' ended the message without saying why`)
      await deps.dispatch(context)
      tellStatus(context, deps.onStatus)
    }
  }
}
