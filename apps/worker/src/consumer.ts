import { setTimeout as delay } from 'node:timers/promises'
import { KEPT_FOR_PEOPLE } from '@message-center/core/queues/jobs.ts'
import { queuePrefix } from '@message-center/core/queues/queues.ts'
import { createPatientRedis } from '@message-center/core/queues/redis.ts'
import type { Env } from '@message-center/core/settings/env.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import { type Job, Worker } from 'bullmq'

export type Processor<Data> = (job: Job<Data>, token: string | undefined) => Promise<unknown>

/** A consumer of a queue in this process, by whichever BullMQ worker is at it. */
export interface Consumer {
  readonly queue: string
  /** Jobs that could be taken besides those in hand. */
  freeSlots(): number
  /** Grows with each job that is taken and with each that ends. */
  moves(): number
  /** The BullMQ worker of now. */
  worker(): Worker
  /** Puts a new worker with new connections in the place of this one, which still ends what it has in hand. */
  replace(): void
  /** Takes no more jobs and resolves when those in hand have ended. */
  close(): Promise<void>
}

/**
 * BullMQ renews a lock at half time for as long as its process lives, however long a send takes: a job is delivered again
 * only when its process has died or stood still so long, and then the claim in MySQL decides whether it is sent.
 */
const LOCK_MS = 20_000
/** How long a lock that has run out may go unseen: one command a queue, of whichever process is first. */
const STALLED_EVERY_MS = 5_000
/** A job whose worker died is delivered again; one that keeps killing its worker is set aside as failed. */
const MAX_STALLED = 3
/** From an error that Redis answered to the next question. */
const AFTER_ERROR_MS = 1_000
const CLOSE_POLL_MS = 100
/** For telling Redis of the last jobs, once they have ended. */
const CLOSE_GRACE_MS = 3_000

/** Starts a consumer. Each has its own connections, so that what is wrong with them is mended with it. */
export function startConsumer<Data>(
  { env, logger }: { env: Env; logger: Logger },
  queue: string,
  concurrency: number,
  processor: Processor<Data>,
): Consumer {
  let moves = 0
  const running = new Set<Run>()

  function start(): Run {
    const connection = createPatientRedis(env)
    connection.on('error', (error) => logger.warn({ err: error, queue }, 'redis'))
    const counted: typeof processor = async (job, token) => {
      run.inHand += 1
      moves += 1
      try {
        return await processor(job, token)
      } finally {
        run.inHand -= 1
        moves += 1
      }
    }
    const worker = new PatientWorker<Data>(queue, counted, {
      connection,
      prefix: queuePrefix(env, queue),
      concurrency,
      lockDuration: LOCK_MS,
      stalledInterval: STALLED_EVERY_MS,
      maxStalledCount: MAX_STALLED,
      ...KEPT_FOR_PEOPLE,
    })
    worker.on('error', (error) => logger.warn({ err: error, queue }, 'queue'))
    const run: Run = { worker, connection, inHand: 0 }
    running.add(run)
    return run
  }

  async function end(run: Run): Promise<void> {
    await endRun(run, (error) => logger.warn({ err: error, queue }, 'a worker did not close as it should'))
    running.delete(run)
  }

  let current = start()
  return {
    queue,
    freeSlots: () => concurrency - current.inHand,
    moves: () => moves,
    worker: () => current.worker,
    replace() {
      const former = current
      current = start()
      void end(former)
    },
    async close() {
      await Promise.all([...running].map(end))
    },
  }
}

/**
 * BullMQ waits after a lost connection, but asks again at once after an error that Redis answered (its disk is full, it has
 * become a replica, it is out of memory): thousands of times a second, and each time it is logged.
 */
class PatientWorker<Data> extends Worker<Data> {
  protected override async moveToActive(token: string, name?: string): Promise<Job<Data>> {
    try {
      return await super.moveToActive(token, name)
    } catch (error) {
      await delay(AFTER_ERROR_MS)
      throw error
    }
  }
}

/** A BullMQ worker with the jobs that it has in hand. */
interface Run {
  worker: Worker
  connection: ReturnType<typeof createPatientRedis>
  inHand: number
}

/**
 * BullMQ itself would wait until it could tell Redis, and a worker that hangs would wait for ever: once nothing is in
 * hand, what MySQL knows is enough.
 */
async function endRun(run: Run, onError: (error: unknown) => void): Promise<void> {
  const { worker, connection } = run
  let closed = false
  const closing = worker
    .close()
    .catch(onError)
    .finally(() => {
      closed = true
    })
  for (let idleMs = 0; !closed; idleMs += CLOSE_POLL_MS) {
    await Promise.race([closing, delay(CLOSE_POLL_MS)])
    if (run.inHand > 0) idleMs = 0
    else if (connection.status !== 'ready' || idleMs > CLOSE_GRACE_MS) break
  }
  connection.disconnect()
  // Not waited for: without Redis that takes as long as Redis is away.
  if (!closed) worker.disconnect().catch(onError)
}
