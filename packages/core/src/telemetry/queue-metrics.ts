import type { Queue } from 'bullmq'
import type { Pool } from 'mysql2/promise'
import type { Registry } from 'prom-client'
import { retryTimes } from '../messages/retry-times.ts'
import type { ChannelJob } from '../queues/jobs.ts'
import { PIPELINE_QUEUE } from '../queues/names.ts'
import type { Queues } from '../queues/queues.ts'
import { type QueueReading, readQueue, type WaitingJob } from '../queues/read-queue.ts'
import type { RedisConnection } from '../queues/redis.ts'
import { QUEUE_METRICS } from './metric-definitions.ts'
import { registerMetrics } from './metrics.ts'

/** Scrapes within this time share one reading. */
const CACHE_MS = 5_000
/** Among so many next jobs the oldest is looked for (the help says so); docs/adr/0020 says why it is there. */
const SAMPLE = 100

/**
 * Gauges of all queues, read when they are scraped: one Redis command per queue, and one statement per channel queue in
 * which something waits.
 * @param onError told once per reading that failed; the queues that it failed for are then absent
 */
export function registerQueueMetrics(deps: {
  registry: Registry
  redis: RedisConnection
  queues: Queues
  channelTypes: Iterable<string>
  pool: Pool
  onError(error: unknown): void
}): void {
  const { registry, redis, queues, pool, onError } = deps
  for (const type of deps.channelTypes) queues.channel(type)
  let readAt = Number.NEGATIVE_INFINITY
  let latest: Promise<void> = Promise.resolve()
  const collect = (): Promise<void> => {
    if (performance.now() - readAt > CACHE_MS) {
      readAt = performance.now()
      latest = readAll()
    }
    return latest
  }
  const { jobs, paused, oldest } = registerMetrics(registry, QUEUE_METRICS, collect)

  async function readAll(): Promise<void> {
    const found = await Promise.allSettled(queues.all().map(readOne))
    // What makes one fail makes them all fail: one line tells.
    const failure = found.find((one) => one.status === 'rejected')
    if (failure) onError(failure.reason)
    for (const each of [jobs, paused, oldest]) each.reset()
    for (const one of found) {
      if (one.status === 'rejected') continue
      const { queue, reading, oldestSeconds } = one.value
      for (const state of ['waiting', 'active', 'delayed', 'failed'] as const)
        jobs.set({ queue, state }, reading[state])
      paused.set({ queue }, Number(reading.paused))
      oldest.set({ queue }, oldestSeconds)
    }
  }
  async function readOne(queue: Queue) {
    const reading = await readQueue(redis, queue, SAMPLE)
    return { queue: queue.name, reading, oldestSeconds: await longestWait(queue.name, reading, pool) }
  }
}

/** Seconds that the longest waiting of the next jobs has waited. */
async function longestWait(queue: string, { next }: QueueReading, pool: Pool): Promise<number> {
  if (next.length === 0) return 0
  const since = await waitingSince(queue, next, pool)
  return Math.max(0, Date.now() - Math.min(...since)) / 1_000
}

/**
 * Since when each job could be taken. A job that a worker gave back was not to be taken for a while: BullMQ forgets until
 * when, a task's row knows. For the pipeline nothing counts but when the message came: given back, it still waits.
 */
async function waitingSince(queue: string, next: readonly WaitingJob[], pool: Pool): Promise<number[]> {
  if (queue === PIPELINE_QUEUE) return next.map(({ dueAt }) => dueAt)
  const tasks = next.flatMap(({ data }) => (isTask(data) ? [data] : []))
  const until = tasks.length === 0 ? new Map<string, number>() : await retryTimes(pool, tasks)
  return next.map(({ dueAt, takenAt, data }) =>
    Math.max(dueAt, takenAt ?? 0, isTask(data) ? (until.get(data.taskId) ?? 0) : 0),
  )
}

function isTask(data: unknown): data is Pick<ChannelJob, 'taskId' | 'createTime'> {
  return typeof data === 'object' && data !== null && 'taskId' in data && 'createTime' in data
}
