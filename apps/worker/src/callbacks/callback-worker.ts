import type { CallbackJob } from '@message-center/core/callbacks/callback-jobs.ts'
import { CALLBACK_QUEUE } from '@message-center/core/queues/names.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import type { WorkerFactory } from '../bull-worker.ts'
import { follow } from '../delivery/channel-worker.ts'
import type { Verdict } from '../delivery/verdict.ts'
import { logFieldsOf } from '../message-log.ts'
import { type CallbackDependencies, deliverCallback } from './deliver-callback.ts'

/** After a fault of the system the same try comes again. */
const FAULT_DELAY_MS = 2_000

/** The consumer of callbacks. How often and when one is tried, MySQL says; its job only says when to look next. */
export function startCallbackWorker(
  concurrency: number,
  createWorker: WorkerFactory,
  deps: CallbackDependencies & { logger: Logger },
) {
  return createWorker<CallbackJob>(CALLBACK_QUEUE, concurrency, async (job, token) => {
    const log = logFieldsOf(job.data)
    let verdict: Verdict
    try {
      verdict = await deliverCallback(job.data, deps)
    } catch (error) {
      deps.logger.error({ ...log, err: error }, 'callback interrupted by a system fault; the try comes again')
      verdict = { queue: 'postpone', until: Date.now() + FAULT_DELAY_MS }
    }
    if (verdict.queue === 'fail') deps.logger.warn({ ...log, reason: verdict.reason }, 'callback: fail')
    return follow(job, token, verdict)
  })
}
