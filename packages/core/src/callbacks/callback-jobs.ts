import type { CallbackRef } from '../messages/becoming-final.ts'
import type { NewJob, Queues } from '../queues/queues.ts'

/** Data of a callback's job: names one event. Where it goes, and what it says, stays in MySQL. */
export type CallbackJob = CallbackRef

/** Callbacks have no levels of urgency: tenants take turns. */
const LEVEL = 5

/** The same for all tries of an event: each job only says when to look at MySQL next. */
export function callbackJobId({ rowId, generation }: Pick<CallbackRef, 'rowId' | 'generation'>): string {
  return `c${rowId}-${generation}`
}

/** Adds the jobs of callbacks; one that exists already is left as it is. `notBefore` in epoch ms. */
export async function addCallbackJobs(
  queues: Queues,
  callbacks: readonly (CallbackRef & { notBefore?: number })[],
): Promise<void> {
  const jobs = callbacks.map(({ notBefore = 0, tenantId, messageId, createTime, rowId, generation }): NewJob => {
    const data: CallbackJob = { tenantId, messageId, createTime, rowId, generation }
    const delay = Math.max(0, notBefore - Date.now())
    return {
      name: messageId,
      data,
      opts: { jobId: callbackJobId(data), delay, stackTraceLimit: 1 },
      fair: { tenantId, priority: LEVEL },
    }
  })
  await queues.addFairly(queues.callbacks, jobs)
}
