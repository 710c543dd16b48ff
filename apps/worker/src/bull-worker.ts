import type { Env } from '@message-center/core/settings/env.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import { type Consumer, type Processor, startConsumer } from './consumer.ts'

/** Starts a consumer of a queue. */
export type WorkerFactory = <Data>(queue: string, concurrency: number, processor: Processor<Data>) => Consumer

/** Starts the consumers of a process and closes them together. */
export function createWorkerFactory(env: Env, logger: Logger) {
  const consumers: Consumer[] = []
  const createWorker: WorkerFactory = (queue, concurrency, processor) => {
    const consumer = startConsumer({ env, logger }, queue, concurrency, processor)
    consumers.push(consumer)
    return consumer
  }
  return {
    createWorker,
    consumers: consumers as readonly Consumer[],
    /** Takes no more jobs and resolves when those in hand have ended. */
    async close() {
      await Promise.all(consumers.map((consumer) => consumer.close()))
    },
  }
}
