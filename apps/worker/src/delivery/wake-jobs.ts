import { channelJobId } from '@message-center/core/queues/jobs.ts'
import type { Queues } from '@message-center/core/queues/queues.ts'
import { ErrorCode } from 'bullmq'

/** A task whose delayed job is to run at `at` (epoch ms) instead. */
export interface Wake {
  taskId: string
  generation: number
  at: number
}

/** Moves delayed jobs in time. Never rejects: a job that is not moved comes at the time that it had. */
export type JobWaker = (channelType: string, wakes: readonly Wake[]) => Promise<void>

/** BullMQ's answers for a job that is gone, or that runs or waits for a worker already. */
const NOTHING_TO_MOVE = [ErrorCode.JobNotExist, ErrorCode.JobNotInState]

export function createJobWaker(queues: Queues, onError: (error: unknown) => void): JobWaker {
  return async (channelType, wakes) => {
    const queue = queues.channel(channelType)
    const move = async ({ taskId, generation, at }: Wake) => {
      const job = await queue.getJob(channelJobId(taskId, generation))
      await job?.changeDelay(Math.max(0, at - Date.now()))
    }
    for (const result of await Promise.allSettled(wakes.map(move))) {
      if (result.status === 'rejected' && !NOTHING_TO_MOVE.includes(result.reason?.code)) onError(result.reason)
    }
  }
}
