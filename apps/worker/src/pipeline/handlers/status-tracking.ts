import type { DerivedStatus } from '@message-center/core/messages/message-status.ts'
import type { MessageHandler } from '@message-center/core/pipeline/message-handler.ts'
import type { PipelineContext } from '../context.ts'

/** Tells the watchers what became of a message: those that end here end for good, the others are in the channels' hands. */
export function statusTracking(deps: {
  onStatus(context: PipelineContext, status: DerivedStatus): void
}): MessageHandler {
  return {
    name: 'status-tracking',
    order: 700,
    async handle(context, next) {
      tellStatus(context as PipelineContext, deps.onStatus)
      await next()
    },
  }
}

/** Tells of a message whose outcome this run has stored. */
export function tellStatus(
  context: PipelineContext,
  onStatus: (context: PipelineContext, status: DerivedStatus) => void,
): void {
  const { dispatched } = context
  if (dispatched?.dispatched) onStatus(context, dispatched.status)
}
