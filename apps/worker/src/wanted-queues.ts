import {
  CALLBACK_QUEUE,
  channelQueue,
  PIPELINE_QUEUE,
  RESULT_QUEUE,
  SCHEDULED_QUEUE,
} from '@message-center/core/queues/names.ts'
import { type Env, EnvError } from '@message-center/core/settings/env.ts'

/**
 * The queues that a process takes. WORKER_QUEUES takes queue names; a channel type stands for its queue.
 * @throws EnvError where there is no such queue
 */
export function wantedQueues(env: Pick<Env, 'workerQueues'>, channelTypes: readonly string[]): Set<string> {
  const all = [PIPELINE_QUEUE, SCHEDULED_QUEUE, RESULT_QUEUE, CALLBACK_QUEUE, ...channelTypes.map(channelQueue)]
  if (env.workerQueues.length === 0) return new Set(all)
  const wanted = env.workerQueues.map((name) => (channelTypes.includes(name) ? channelQueue(name) : name))
  const unknown = wanted.find((name) => !all.includes(name))
  if (unknown) throw new EnvError(`WORKER_QUEUES names '${unknown}'; there are ${all.join(', ')}`)
  return new Set(wanted)
}
