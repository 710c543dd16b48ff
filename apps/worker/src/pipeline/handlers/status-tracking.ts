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
      const { dispatched } = context as PipelineContext
      if (dispatched?.dispatched) deps.onStatus(context as PipelineContext, dispatched.status)
      await next()
    },
  }
}
