import { SCHEDULED_QUEUE } from '@message-center/core/queues/names.ts'
import type { RedisConnection } from '@message-center/core/queues/redis.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import type { Queue } from 'bullmq'
import type { WorkerFactory } from '../bull-worker.ts'

/** Work that recurs, run by one process at a time. */
export interface ScheduledTask {
  name: string
  everyMs: number
  /**
   * @param afterLoss Redis was found emptied: nothing that it held can be relied on
   * @returns undefined where another process is at it
   */
  run(options: { afterLoss: boolean }): Promise<unknown>
}

const WATCH_MS = 1_000

/**
 * Runs the scheduled tasks as BullMQ job schedulers, visible in the queue `scheduled`. The schedulers live in Redis as well,
 * so each process watches a marker key there: is it gone, Redis was emptied; the schedulers are made again and every task
 * runs at once. Nothing here needs Redis to be there at the start.
 */
export function startScheduler(deps: {
  tasks: readonly ScheduledTask[]
  queue: Queue
  redis: RedisConnection
  markerKey: string
  createWorker: WorkerFactory
  logger: Logger
}) {
  const { tasks, queue, redis, markerKey, logger } = deps
  deps.createWorker<{ afterLoss?: boolean }>(SCHEDULED_QUEUE, 1, async (job) => {
    const task = tasks.find(({ name }) => name === job.name)
    if (!task) return 'unknown task'
    const afterLoss = job.data.afterLoss === true
    return (await task.run({ afterLoss })) ?? 'another process is at it'
  })

  async function schedule(): Promise<void> {
    for (const { name, everyMs } of tasks) {
      await queue.upsertJobScheduler(
        name,
        { every: everyMs },
        { name, opts: { removeOnComplete: { count: 20 }, removeOnFail: { count: 20 } } },
      )
    }
  }

  let scheduled = false
  async function watch(): Promise<void> {
    const emptied = (await redis.exists(markerKey)) === 0
    if (emptied || !scheduled) await schedule()
    scheduled = true
    if (!emptied) return
    logger.warn('redis holds no marker: it is new or was emptied; everything that is not final gets its job again')
    // The marker comes last: a crash half-way is a loss still to be made up for.
    for (const task of tasks) {
      // Whoever is at it may have begun before the loss; the next look tells whether the marker is there.
      if ((await task.run({ afterLoss: true })) === undefined) return
    }
    await redis.set(markerKey, new Date().toISOString())
  }

  let stopped = false
  let watching: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    watching = watching
      .then(() => (stopped ? undefined : watch()))
      .catch((error) => logger.warn({ err: error }, 'redis watch'))
  }, WATCH_MS)
  return {
    async stop() {
      stopped = true
      clearInterval(timer)
      await watching
    },
  }
}
