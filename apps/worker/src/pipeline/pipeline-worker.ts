import { createBatcher } from '@message-center/core/messages/batcher.ts'
import { isPoisoned, mustBeAlone, noteInterruptions } from '@message-center/core/messages/interruptions.ts'
import { awaitsPipeline, loadMessages, type PipelineMessage } from '@message-center/core/messages/load-messages.ts'
import type { MessageRef } from '@message-center/core/messages/message-ref.ts'
import type { PipelineJob } from '@message-center/core/queues/jobs.ts'
import { PIPELINE_QUEUE } from '@message-center/core/queues/names.ts'
import type { Job } from 'bullmq'
import type { Pool } from 'mysql2/promise'
import type { WorkerFactory } from '../bull-worker.ts'
import type { Quarantine } from '../quarantine/quarantine.ts'
import type { MessageRunner } from './run-message.ts'
import { createTurns } from './turns.ts'

const MAX_LOAD = 500
/**
 * Messages at work at once, for each job that may be: enough to fill the batches. More of them finish no earlier, and whoever
 * comes next waits for all that are there before.
 */
const AT_WORK_PER_JOB = 2

/**
 * The consumer of accepted messages. A job carries what one group commit took of one tenant; its messages run side by
 * side. A fault of the system repeats the whole job: those that were dispatched meanwhile are no longer waiting and rest.
 * Where a job comes again because its worker died, each of its messages may be why: they run in quarantine (docs/adr/0028).
 */
export function startPipelineWorker(
  concurrency: number,
  createWorker: WorkerFactory,
  deps: { pool: Pool; runner: MessageRunner; quarantine: Pick<Quarantine, 'run'> },
) {
  const { pool, runner, quarantine } = deps
  const loading = createBatcher<MessageRef, PipelineMessage | undefined>({
    maxItems: MAX_LOAD,
    holderOf: ({ tenantId }) => tenantId,
    async flush(refs) {
      const loaded = await loadMessages(pool, refs)
      const byId = new Map(loaded.map((message) => [`${message.tenantId} ${message.messageId}`, message]))
      return refs.map(({ tenantId, messageId }) => byId.get(`${tenantId} ${messageId}`))
    },
  })

  const turns = createTurns(concurrency * AT_WORK_PER_JOB)

  /** @returns the message where it may be what ended a worker: then it has not been run */
  async function run(ref: MessageRef): Promise<PipelineMessage | undefined> {
    const message = await loading.add(ref)
    if (!message || !awaitsPipeline(message)) return undefined
    if (message.interruptions > 0) return message
    await runner.run(message)
    return undefined
  }

  function runSuspect(message: PipelineMessage): Promise<void> {
    if (isPoisoned(message)) return runner.setAside(message)
    return quarantine.run(message, { alone: mustBeAlone(message) })
  }

  /** Each death once: the job comes again after faults of the system too, which are nobody's fault. */
  async function noteDeaths(job: Job<PipelineJob>): Promise<void> {
    const { data, stalledCounter } = job
    const { tenantId, countedDeaths = 0 } = data
    if (stalledCounter <= countedDeaths) return
    await noteInterruptions(
      pool,
      data.messages.map(([messageId, createTime]) => ({ tenantId, messageId, createTime })),
    )
    await job.updateData({ ...data, countedDeaths: stalledCounter })
  }

  return createWorker<PipelineJob>(PIPELINE_QUEUE, concurrency, async (job) => {
    await noteDeaths(job)
    const { data } = job
    const { tenantId } = data
    const results = await Promise.allSettled(
      data.messages.map(async ([messageId, createTime]) => {
        const suspect = await turns.take(tenantId, () => run({ tenantId, messageId, createTime }))
        // The quarantine takes its time, and none of this process's.
        if (suspect) await runSuspect(suspect)
      }),
    )
    // All have ended before the job is given back: nothing of it runs on beside its own repetition.
    for (const result of results) if (result.status === 'rejected') throw result.reason
    return `${data.messages.length} dispatched`
  })
}
