import type { MessageHandler } from '@message-center/core/pipeline/message-handler.ts'

/** Refuses what has become pointless or cannot be processed here. The API checked the shape; time and modules move on. */
export function validation(deps: { channelTypes: ReadonlySet<string> }): MessageHandler {
  return {
    name: 'validation',
    order: 100,
    async handle(context, next) {
      const { expiresAt } = context.message
      if (expiresAt && expiresAt.getTime() <= Date.now()) {
        return context.fail('EXPIRED', `not sent by ${expiresAt.toISOString()}`)
      }
      for (const { channelType } of context.channels) {
        if (!deps.channelTypes.has(channelType)) {
          context.drop(channelType, 'VALIDATION_FAILED', `no adapter is loaded for ${channelType}`)
        }
      }
      await next()
    },
  }
}
