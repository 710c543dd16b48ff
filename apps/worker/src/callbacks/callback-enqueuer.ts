import { addCallbackJobs } from '@message-center/core/callbacks/callback-jobs.ts'
import { createBatcher } from '@message-center/core/messages/batcher.ts'
import type { CallbackRef } from '@message-center/core/messages/becoming-final.ts'
import type { Queues } from '@message-center/core/queues/queues.ts'

const MAX_BATCH = 200

/** Adds the jobs of callbacks that became due, batched. They are committed: should Redis be away, the reconciler does it. */
export function createCallbackEnqueuer(deps: {
  queues: Queues
  onEnqueueError(error: unknown, callbacks: number): void
}) {
  const adding = createBatcher<CallbackRef, void>({
    maxItems: MAX_BATCH,
    async flush(callbacks) {
      await addCallbackJobs(deps.queues, callbacks).catch((error) => deps.onEnqueueError(error, callbacks.length))
      return callbacks.map(() => undefined)
    },
  })
  return {
    /** Never rejects, and nobody has to wait for it. */
    add: (callback: CallbackRef) => void adding.add(callback),
    drain: () => adding.drain(),
  }
}
