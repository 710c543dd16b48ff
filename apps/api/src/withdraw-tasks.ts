import type { CandidateSource } from '@message-center/core/configs/candidates.ts'
import { channelJobId } from '@message-center/core/queues/jobs.ts'
import type { Queues } from '@message-center/core/queues/queues.ts'
import type { RateLimiter } from '@message-center/core/rate-limit/rate-limiter.ts'
import { reservationKey } from '@message-center/core/rate-limit/reservation-key.ts'

/** A task that will not be sent. */
export interface WithdrawnTask {
  tenantId: string
  messageId: string
  channelType: string
  configId: string
  taskId: string
  generation: number
}

/**
 * Takes back what Redis holds of tasks that MySQL says will not be sent: the place in the line of their rate limit, and
 * their job. Where Redis does not answer both stay: the job finds its task final, and the place is passed by in its turn.
 */
export function createTaskWithdrawal(deps: {
  configs: CandidateSource
  limiter: RateLimiter
  queues: Queues
  onError(error: unknown): void
}): (tasks: readonly WithdrawnTask[]) => Promise<void> {
  const { configs, limiter, queues, onError } = deps

  async function withdraw(task: WithdrawnTask): Promise<void> {
    const config = await configs.config(task.tenantId, task.configId)
    // The job first: when it comes, it would take another place.
    await queues.channel(task.channelType).remove(channelJobId(task.taskId, task.generation))
    if (config) await limiter.release(reservationKey(task), { configId: config.id, ...config.rateLimit })
  }

  return async (tasks) => {
    await Promise.all(tasks.map((task) => withdraw(task).catch(onError)))
  }
}
