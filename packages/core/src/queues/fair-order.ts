import { readFileSync } from 'node:fs'
import type { Queue } from 'bullmq'
import type { RedisConnection } from './redis.ts'
import { createScript } from './redis-script.ts'

/** BullMQ's greatest priority. A queue that never drains while more tags than this are served goes on in order of arrival. */
const HIGHEST_TAG = 2 ** 21 - 1

export interface FairJob {
  tenantId: string
  /** The caller's level, 0 (first) to 9. */
  priority: number
}

const runFairOrder = createScript(readFileSync(new URL('./fair-order.lua', import.meta.url), 'utf8'))

/**
 * Priorities for jobs that are about to be added to a queue, so that tenants take turns (fair-order.lua tells how).
 * @returns BullMQ priorities, in the order of the jobs
 * @throws whatever Redis throws: the jobs are then not added, and the reconciler will
 */
export async function fairPriorities(
  redis: RedisConnection,
  queue: Queue,
  jobs: readonly FairJob[],
): Promise<number[]> {
  const lines = jobs.flatMap(({ tenantId, priority }) => [tenantId, priority])
  const keys = [queue.toKey('prioritized'), queue.toKey('fair-order')]
  return (await runFairOrder(redis, keys, [HIGHEST_TAG, ...lines])) as number[]
}
