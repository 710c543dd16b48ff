import { setTimeout as delay } from 'node:timers/promises'
import { queuePrefix } from '@message-center/core/queues/queues.ts'
import { createPatientRedis } from '@message-center/core/queues/redis.ts'
import type { Env } from '@message-center/core/settings/env.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import { type Job, Worker } from 'bullmq'

export type Processor<Data> = (job: Job<Data>, token: string | undefined) => Promise<unknown>
/** Starts a consumer of a queue. */
export type WorkerFactory = <Data>(queue: string, concurrency: number, processor: Processor<Data>) => Worker

/**
 * BullMQ renews a lock at half time for as long as its process lives, however long a send takes: a job is delivered again
 * only when its process has died or stood still so long, and then the claim in MySQL decides whether it is sent.
 */
const LOCK_MS = 20_000
/** A job whose worker died is delivered again; one that keeps killing its worker is set aside as failed. */
const MAX_STALLED = 3
const CLOSE_POLL_MS = 100

/** Consumers that share one Redis connection for commands; BullMQ opens a blocking one for each besides. */
export function createWorkerFactory(env: Env, logger: Logger): { createWorker: WorkerFactory; close(): Promise<void> } {
  const connection = createPatientRedis(env)
  connection.on('error', (error) => logger.warn({ err: error }, 'redis'))
  const workers: Worker[] = []
  let inHand = 0
  async function idleWithoutRedis(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (inHand > 0 || connection.status === 'ready')) await delay(CLOSE_POLL_MS)
  }

  return {
    createWorker(queue, concurrency, processor) {
      const counted: typeof processor = async (job, token) => {
        inHand += 1
        try {
          return await processor(job, token)
        } finally {
          inHand -= 1
        }
      }
      const worker = new Worker(queue, counted, {
        connection,
        prefix: queuePrefix(env, queue),
        concurrency,
        lockDuration: LOCK_MS,
        stalledInterval: LOCK_MS / 2,
        maxStalledCount: MAX_STALLED,
      })
      worker.on('error', (error) => logger.warn({ err: error, queue }, 'queue'))
      workers.push(worker)
      return worker
    },
    /**
     * Takes no more jobs and resolves when those in hand have ended. BullMQ itself would wait until it could tell Redis:
     * where that is away, what MySQL knows is enough.
     */
    async close() {
      const done = new AbortController()
      const closed = Promise.all(workers.map((worker) => worker.close()))
      await Promise.race([closed, idleWithoutRedis(done.signal)])
      done.abort()
      connection.disconnect()
    },
  }
}
