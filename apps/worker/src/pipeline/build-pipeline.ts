import type { PipelineMessage } from '@message-center/core/messages/load-messages.ts'
import type { DerivedStatus } from '@message-center/core/messages/message-status.ts'
import type { MessageHandler } from '@message-center/core/pipeline/message-handler.ts'
import type { MessageCounts } from '@message-center/core/telemetry/message-counts.ts'
import type { Tracing } from '@message-center/core/telemetry/tracing.ts'
import { createStepTracer, traceRuns } from '../tracing/trace-pipeline.ts'
import { orderHandlers } from './compose.ts'
import type { PipelineContext } from './context.ts'
import { createDispatcher, type DispatcherDependencies } from './dispatcher.ts'
import { builtInHandlers, type HandlerDependencies } from './handlers/index.ts'
import { createMessageRunner, type MessageRunner, type RunDependencies } from './run-message.ts'

type Provided = 'now' | 'dispatch' | 'onStatus'

export interface PipelineDependencies
  extends DispatcherDependencies,
    Omit<HandlerDependencies, Provided>,
    Pick<RunDependencies, 'changes' | 'configs' | 'metrics' | 'logger'> {
  /** The handlers of others. */
  extensions: readonly MessageHandler[]
  counts: Pick<MessageCounts, 'taskFinished'>
  tracing: Tracing | undefined
  /** Told of a message that ended in the pipeline. */
  onEnded(message: PipelineMessage, status: DerivedStatus['status']): void
}

/** Puts the handlers, built in and others', in their order and around them what stores and tells of their outcome. */
export function buildPipeline(deps: PipelineDependencies): MessageRunner {
  const { registry, extensions, counts, tracing, onEnded } = deps
  const dispatch = createDispatcher(deps)
  const onStatus = ({ message, allChannels, failure }: PipelineContext, { status }: DerivedStatus) => {
    if (status !== 'PROCESSING') onEnded(message, status)
    for (const channel of allChannels) {
      const { code } = failure ?? channel.failure ?? {}
      if (code) counts.taskFinished({ tenantId: message.tenantId, channelType: channel.channelType }, code)
    }
  }
  const runner = createMessageRunner({
    ...deps,
    handlers: orderHandlers([
      ...builtInHandlers({ ...deps, now: () => new Date(), dispatch, onStatus }),
      ...extensions,
    ]),
    channelOrder: [...registry.keys()],
    traceStep: tracing && createStepTracer(tracing),
    dispatch,
    onStatus,
  })
  return tracing ? { ...runner, run: traceRuns(runner.run, tracing) } : runner
}
