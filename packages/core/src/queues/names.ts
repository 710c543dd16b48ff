/** The queue that carries accepted messages through the pipeline. */
export const PIPELINE_QUEUE = 'pipeline'
/** The queue of the job schedulers. */
export const SCHEDULED_QUEUE = 'scheduled'

/** The queue of questions to providers that deliver later than they answer. */
export const RESULT_QUEUE = 'results'

/** The queue of callbacks: who asked is told of a message's final status. */
export const CALLBACK_QUEUE = 'callbacks'

/** A channel's own queue: `channel.DINGTALK`. */
export function channelQueue(channelType: string): string {
  return `channel.${channelType}`
}
