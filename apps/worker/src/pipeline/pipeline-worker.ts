import { createBatcher } from '@message-center/core/messages/batcher.ts'
import { awaitsPipeline, loadMessages, type PipelineMessage } from '@message-center/core/messages/load-messages.ts'
import type { MessageRef } from '@message-center/core/messages/message-ref.ts'
import type { PipelineJob } from '@message-center/core/queues/jobs.ts'
import { PIPELINE_QUEUE } from '@message-center/core/queues/names.ts'
import type { Pool } from 'mysql2/promise'
import type { WorkerFactory } from '../bull-worker.ts'

const MAX_LOAD = 500

/**
 * The consumer of accepted messages. A job carries what one group commit took of one tenant; its messages run side by
 * side. A fault of the system repeats the whole job: those that were dispatched meanwhile are no longer waiting and rest.
 */
export function startPipelineWorker(
  concurrency: number,
  createWorker: WorkerFactory,
  deps: { pool: Pool; run(message: PipelineMessage): Promise<void> },
) {
  const loading = createBatcher<MessageRef, PipelineMessage | undefined>({
    maxItems: MAX_LOAD,
    holderOf: ({ tenantId }) => tenantId,
    async flush(refs) {
      const loaded = await loadMessages(deps.pool, refs)
      const byId = new Map(loaded.map((message) => [`${message.tenantId} ${message.messageId}`, message]))
      return refs.map(({ tenantId, messageId }) => byId.get(`${tenantId} ${messageId}`))
    },
  })
  return createWorker<PipelineJob>(PIPELINE_QUEUE, concurrency, async ({ data }) => {
    const results = await Promise.allSettled(
      data.messages.map(async ([messageId, createTime]) => {
        const message = await loading.add({ tenantId: data.tenantId, messageId, createTime })
        if (message && awaitsPipeline(message)) await deps.run(message)
      }),
    )
    // All have ended before the job is given back: nothing of it runs on beside its own repetition.
    for (const result of results) if (result.status === 'rejected') throw result.reason
    return `${data.messages.length} dispatched`
  })
}
