import { readFileSync } from 'node:fs'
import type { Queue } from 'bullmq'
import type { RedisConnection } from './redis.ts'
import { createScript } from './redis-script.ts'

/** How a queue stands. */
export interface QueueReading {
  /** Jobs that a worker could take now. */
  waiting: number
  active: number
  /** Jobs that wait for a time. */
  delayed: number
  /** Of those, the ones whose time has come a while ago: no worker has promoted them. */
  overdue: number
  failed: number
  paused: boolean
  /** Those of the waiting jobs that are next. */
  next: WaitingJob[]
}

export interface WaitingJob {
  /** Since when it could be taken for the first time, epoch ms. */
  dueAt: number
  /** When a worker last took it and gave it back, epoch ms; null where none has. */
  takenAt: number | null
  data: unknown
}

/** What the script returns. */
type Answer = [
  waiting: number,
  active: number,
  delayed: number,
  overdue: number,
  failed: number,
  paused: number,
  jobs: StoredJob[],
]
type StoredJob = [timestamp: string, opts: string, processedOn: string, data: string]

/** BullMQ promotes a delayed job within milliseconds; a worker that waits looks every 5 s at least. */
const OVERDUE_MS = 10_000

const runReadQueue = createScript(readFileSync(new URL('./read-queue.lua', import.meta.url), 'utf8'))

/**
 * Reads a queue by one Redis command.
 * @param sample how many of the next jobs to look at; 0 = only counts
 */
export async function readQueue(redis: RedisConnection, queue: Queue, sample: number): Promise<QueueReading> {
  const keys = ['wait', 'prioritized', 'active', 'delayed', 'failed', 'meta'].map((name) => queue.toKey(name))
  const answer = await runReadQueue(redis, keys, [Date.now() - OVERDUE_MS, sample, queue.toKey('')])
  const [waiting, active, delayed, overdue, failed, paused, jobs] = answer as Answer
  return { waiting, active, delayed, overdue, failed, paused: paused === 1, next: jobs.map(toJob) }
}

function toJob([timestamp, opts, processedOn, data]: StoredJob): WaitingJob {
  const { delay = 0 } = JSON.parse(opts) as { delay?: number }
  return {
    dueAt: Number(timestamp) + delay,
    takenAt: processedOn === '' ? null : Number(processedOn),
    data: JSON.parse(data),
  }
}
