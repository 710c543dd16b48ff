import { DelayedError, Job } from 'bullmq'
import type { WorkerFactory } from '../bull-worker.ts'
import type { Consumer, Processor } from '../consumer.ts'
import { type BulkheadOptions, createBulkhead } from './bulkhead.ts'
import type { Holder } from './shares.ts'

export interface IsolatedQueue<Data> extends Omit<BulkheadOptions, 'call'> {
  name: string
  /** Whose slot a job takes; null for one that ends without waiting for anybody. */
  holderOf(data: Data): Holder | null
  /** Epoch ms by which a job has to be looked at in any case. */
  lookAtBy?(data: Data): number | undefined
}

/** In front of all priorities: a job that was set aside has had its turn in the fair order before. */
const FRONT = 0

/** A consumer of a queue in which one holder's slow jobs leave slots to the others. Being put back uses no attempt. */
export function startIsolatedWorker<Data>(
  createWorker: WorkerFactory,
  queue: IsolatedQueue<Data>,
  processor: Processor<Data>,
): Consumer {
  const call = (jobId: string) => new Job(consumer.worker(), '', {}, {}, jobId).promote()
  const bulkhead = createBulkhead({ ...queue, call })
  // Told from the start, not only once it happens.
  queue.onSetAside(0)
  const consumer = createWorker<Data>(queue.name, queue.slots, async (job, token) => {
    const holder = queue.holderOf(job.data)
    if (!holder) return processor(job, token)
    const id = job.id ?? ''
    const entrance = await bulkhead.enter(id, holder)
    if ('comeBackAt' in entrance) {
      if (job.priority !== FRONT) await job.changePriority({ priority: FRONT })
      await job.moveToDelayed(
        Math.min(entrance.comeBackAt, queue.lookAtBy?.(job.data) ?? Number.POSITIVE_INFINITY),
        token,
      )
      bulkhead.setAside(id, holder)
      throw new DelayedError()
    }
    try {
      return await processor(job, token)
    } finally {
      entrance.leave()
    }
  })
  return consumer
}
