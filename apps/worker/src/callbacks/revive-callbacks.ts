import { addCallbackJobs, callbackJobId } from '@message-center/core/callbacks/callback-jobs.ts'
import type { OverdueMessage } from '@message-center/core/messages/overdue.ts'
import { livingJobs } from '@message-center/core/queues/job-presence.ts'
import type { Queues } from '@message-center/core/queues/queues.ts'
import type { RedisConnection } from '@message-center/core/queues/redis.ts'
import type { Metrics } from '@message-center/core/telemetry/metrics.ts'

/**
 * Gives a job to callbacks that have none.
 * @param final messages whose callback is still to be made
 * @returns how many got one
 */
export async function reviveCallbacks(
  { redis, queues, metrics }: { redis: RedisConnection; queues: Queues; metrics: Metrics },
  final: readonly OverdueMessage[],
): Promise<number> {
  const callbacks = final.map(({ tenantId, messageId, createTime, rowId, callback }) => {
    const ref = { tenantId, messageId, createTime, rowId, generation: callback.generation }
    return { ...ref, notBefore: callback.nextTime?.getTime() ?? 0 }
  })
  const living = await livingJobs(redis, queues.callbacks, callbacks.map(callbackJobId))
  const lost = callbacks.filter((callback) => !living.has(callbackJobId(callback)))
  if (lost.length === 0) return 0
  // One that ended before its time, and is kept for people, would stand in the way of its successor.
  await Promise.all(lost.map((callback) => queues.callbacks.remove(callbackJobId(callback))))
  await addCallbackJobs(queues, lost)
  metrics.reconciled.inc({ kind: 'callback' }, lost.length)
  return lost.length
}
