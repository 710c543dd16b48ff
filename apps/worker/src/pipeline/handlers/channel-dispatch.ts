import type { PlannedMessage } from '@message-center/core/messages/dispatch.ts'
import type { MessageHandler } from '@message-center/core/pipeline/message-handler.ts'
import type { PipelineContext } from '../context.ts'

/** Writes the tasks and the message's status and puts each task on its channel's queue. */
export function channelDispatch(deps: { dispatch(context: PipelineContext): Promise<void> }): MessageHandler {
  return {
    name: 'channel-dispatch',
    order: 600,
    async handle(context, next) {
      await deps.dispatch(context as PipelineContext)
      await next()
    },
  }
}

/** What the context decided, as it is stored. */
export function plannedMessage(
  context: PipelineContext,
  maxRetry: (channel: PipelineContext['allChannels'][number]) => number,
): PlannedMessage {
  const { tenantId, messageId, createTime, revision, rerunChannels } = context.message
  return {
    tenantId,
    messageId,
    createTime,
    revision,
    rerunChannels,
    failure: context.failure,
    steps: context.steps,
    dispatchStartedAt: Date.now(),
    tasks: context.allChannels.map((channel) => ({
      channelType: channel.channelType,
      configId: channel.config?.id ?? '0',
      messageType: channel.messageType,
      renderedContent: channel.renderedContent,
      recipients: channel.recipients,
      maxRetry: maxRetry(channel),
      notBefore: channel.notBefore,
      failure: channel.failure ?? context.failure,
    })),
  }
}
