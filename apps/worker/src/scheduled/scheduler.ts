import type { SettingsSource } from '@message-center/core/configs/settings-source.ts'
import type { ConfigChanges } from '@message-center/core/configs/watch-changes.ts'
import { PLATFORM_TENANT } from '@message-center/core/contracts/caller.ts'
import type { LossMarkers } from '@message-center/core/queues/loss-markers.ts'
import { SCHEDULED_QUEUE } from '@message-center/core/queues/names.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import type { UpkeepMetrics } from '@message-center/core/telemetry/metrics.ts'
import type { Queue } from 'bullmq'
import type { WorkerFactory } from '../bull-worker.ts'
import { createTaskRunner, type ScheduledTask } from './run-task.ts'

const WATCH_MS = 1_000
/** The schedulers are compared with the settings so often: somebody may have removed one, or died while changing it. */
const RECHECK_MS = 5_000
/** A run that is due for so long has been lost, or nobody takes it: made again, it does no harm. */
const OVERDUE_MS = 30_000
const KEPT_FOR_PEOPLE = { removeOnComplete: { count: 20 }, removeOnFail: { count: 20 } }

/**
 * Runs the scheduled tasks as BullMQ job schedulers, visible in the queue `scheduled`. The next run's job is made when a
 * run begins: a worker that dies takes no later run with it. The schedulers live in Redis as well, so each process watches
 * whether Redis may have lost something: then the schedulers are made again and what Redis held is rebuilt.
 * Nothing here needs Redis to be there at the start.
 */
export function startScheduler(deps: {
  tasks: readonly ScheduledTask[]
  /** Rebuilds what Redis held; undefined where another process is at it. */
  rebuild(): Promise<unknown>
  settings: SettingsSource
  changes: Pick<ConfigChanges, 'subscribe'>
  queue: Queue
  markers: LossMarkers
  createWorker: WorkerFactory
  metrics: UpkeepMetrics
  logger: Logger
}) {
  const { tasks, queue, markers, logger } = deps
  const stopping = new AbortController()
  const runTask = createTaskRunner({ ...deps, signal: stopping.signal })
  // A long run of one task must not keep the others waiting.
  deps.createWorker(SCHEDULED_QUEUE, tasks.length, async (job) => {
    const task = tasks.find(({ name }) => name === job.name)
    return task ? ((await runTask(task)) ?? 'another process is at it') : 'this version knows no such task'
  })

  let checkedAt = Number.NEGATIVE_INFINITY
  deps.changes.subscribe((tenantId) => {
    if (tenantId === PLATFORM_TENANT) checkedAt = Number.NEGATIVE_INFINITY
  })

  /** Makes the schedulers what the settings say. */
  async function schedule(): Promise<void> {
    checkedAt = performance.now()
    const settings = await deps.settings(PLATFORM_TENANT)
    for (const { name, everySeconds } of tasks) {
      const every = everySeconds(settings) * 1_000
      deps.metrics.interval.set({ task: name }, every / 1_000)
      const present = await queue.getJobScheduler(name)
      const inMs = (present?.next ?? 0) - Date.now()
      // A clock that was ahead has set it. Only from nothing BullMQ works out another time.
      const isFarAhead = inMs > every + OVERDUE_MS
      // One that is right is left alone: made again by each process, it might never come to run.
      if (present?.every === every && inMs > -OVERDUE_MS && !isFarAhead) continue
      if (isFarAhead) await queue.removeJobScheduler(name)
      await queue.upsertJobScheduler(name, { every }, { name, opts: KEPT_FOR_PEOPLE })
      logger.info({ task: name, everyMs: every }, 'task scheduled')
    }
  }

  async function watch(): Promise<void> {
    const lost = await markers.lost()
    if (lost.length > 0 || performance.now() - checkedAt > RECHECK_MS) {
      await schedule().catch((error) => {
        checkedAt = Number.NEGATIVE_INFINITY
        throw error
      })
    }
    if (lost.length === 0) return
    logger.warn(
      { lost },
      'redis is new, was emptied, restarted or replaced: what is not final and lacks its job gets it again',
    )
    // The marker comes last: a crash half-way is a loss still to be made up for.
    // Whoever is at it may have begun before the loss; the next look tells whether the marker is there.
    if ((await deps.rebuild()) === undefined) return
    await markers.rebuilt(lost)
  }

  let watching: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    watching = watching
      .then(() => (stopping.signal.aborted ? undefined : watch()))
      .catch((error) => logger.warn({ err: error }, 'redis watch'))
  }, WATCH_MS)
  return {
    /** Breaks off what runs; its job ends soon after. */
    async stop() {
      stopping.abort()
      clearInterval(timer)
      await watching
    },
  }
}
