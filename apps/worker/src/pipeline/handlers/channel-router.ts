import type { Circuits } from '@message-center/core/circuits/circuits.ts'
import type { MessageHandler } from '@message-center/core/pipeline/message-handler.ts'
import type { PipelineContext } from '../context.ts'

/**
 * Makes sure that each channel has a config to go to. Candidates come sorted by priority, and those whose provider keeps
 * failing move behind the others; the rate limit takes the first with room.
 */
export function channelRouter({ circuits }: { circuits: Pick<Circuits, 'ranked'> }): MessageHandler {
  return {
    name: 'channel-router',
    order: 300,
    async handle(context, next) {
      for (const channel of context.channels) {
        channel.candidates = await circuits.ranked(channel.candidates)
        const [first] = channel.candidates
        if (first) channel.config = first
        else
          context.drop(
            channel.channelType,
            'CHANNEL_NOT_CONFIGURED',
            'neither the store nor the tenant has an enabled config',
          )
      }
      if ((context as PipelineContext).allChannels.length === 0) {
        context.fail('CHANNEL_NOT_CONFIGURED', 'neither the store nor the tenant has an enabled channel config')
      }
      await next()
    },
  }
}
