import { readQueue } from '@message-center/core/queues/read-queue.ts'
import type { RedisConnection } from '@message-center/core/queues/redis.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import type { UpkeepMetrics } from '@message-center/core/telemetry/metrics.ts'
import type { Queue } from 'bullmq'
import type { Consumer } from './consumer.ts'

const LOOK_EVERY_MS = 5_000
/** A worker that waits asks for jobs every 5 s at least, and after an error of Redis within 15 s. */
const PATIENCE_LOOKS = 6

interface Watched {
  consumer: Consumer
  queue: Queue
  /** `moves()` at the last look. */
  moves: number
  /** Looks in a row at which jobs were due and nothing moved. */
  stillFor: number
  /** It was replaced, and nothing has moved since. */
  replaced: boolean
  fault: string | undefined
}

/**
 * Watches that consumers consume. A BullMQ worker has been seen to stop for good while its process looks healthy. Standing
 * still means: at each of several looks in a row jobs were due, the queue was not paused, this process had free slots, and
 * yet it neither took a job nor ended one. A clock plays no part: a process that stood still itself has not looked.
 * First the consumer is replaced; where that changes nothing, `fault` says so, for whoever can restart the process.
 */
export function startWatchdog(deps: {
  consumers: readonly Consumer[]
  queues: readonly Queue[]
  redis: RedisConnection
  metrics: Pick<UpkeepMetrics, 'consumersReplaced'>
  logger: Logger
  lookEveryMs?: number
}) {
  const { redis, metrics, logger, lookEveryMs = LOOK_EVERY_MS } = deps
  const watched = deps.consumers.flatMap((consumer): Watched[] => {
    const queue = deps.queues.find(({ name }) => name === consumer.queue)
    return queue ? [{ consumer, queue, moves: 0, stillFor: 0, replaced: false, fault: undefined }] : []
  })

  async function look(one: Watched): Promise<void> {
    const { consumer, queue } = one
    const { waiting, overdue, paused } = await readQueue(redis, queue, 0)
    const moved = consumer.moves() !== one.moves
    one.moves = consumer.moves()
    const due = waiting + overdue
    if (moved || due === 0 || paused || consumer.freeSlots() <= 0) return standsWell(one, moved)
    one.stillFor += 1
    if (one.stillFor < PATIENCE_LOOKS) return
    const told = `queue ${queue.name}: ${due} jobs are due, ${consumer.freeSlots()} slots are free, and none is taken`
    if (one.replaced) one.fault = `${told}, not by a new worker either`
    logger.error(one.fault ?? told)
    metrics.consumersReplaced.inc({ queue: queue.name })
    consumer.replace()
    one.replaced = true
    one.stillFor = 0
  }

  const timer = setInterval(() => {
    for (const one of watched) {
      look(one).catch((error) => {
        // Nothing is known while Redis is away; readiness tells of that.
        logger.debug({ err: error }, 'the watchdog cannot look')
        standsWell(one, false)
      })
    }
  }, lookEveryMs)
  return {
    /** Why this process should be restarted; undefined where it should not. */
    fault: (): string | undefined => watched.find(({ fault }) => fault !== undefined)?.fault,
    stop: () => clearInterval(timer),
  }
}

function standsWell(one: Watched, moved: boolean): void {
  one.stillFor = 0
  one.fault = undefined
  if (moved) one.replaced = false
}
