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

/** Consumers that share one Redis connection for commands; BullMQ opens a blocking one for each besides. */
export function createWorkerFactory(env: Env, logger: Logger): { createWorker: WorkerFactory; close(): Promise<void> } {
  const connection = createPatientRedis(env)
  connection.on('error', (error) => logger.warn({ err: error }, 'redis'))
  const workers: Worker[] = []
  return {
    createWorker(queue, concurrency, processor) {
      const worker = new Worker(queue, processor, {
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
    /** Takes no more jobs and resolves when those in hand have ended. */
    async close() {
      await Promise.all(workers.map((worker) => worker.close()))
      connection.disconnect()
    },
  }
}
