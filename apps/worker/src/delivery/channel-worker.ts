import type { ChannelJob } from '@message-center/core/queues/jobs.ts'
import { channelQueue } from '@message-center/core/queues/names.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import { DelayedError, type Job, UnrecoverableError } from 'bullmq'
import { startIsolatedWorker } from '../bulkhead/isolated-worker.ts'
import type { WorkerFactory } from '../bull-worker.ts'
import { logFieldsOf } from '../message-log.ts'
import type { Quarantine } from '../quarantine/quarantine.ts'
import { deliver } from './deliver.ts'
import type { DeliveryDependencies, Verdict } from './verdict.ts'

/** After a fault of the system the same attempt comes again. */
const FAULT_DELAY_MS = 2_000

/**
 * The consumer of one channel's queue: own concurrency, own retries; what happens here touches no other channel. A config
 * whose provider is slow leaves slots to the others.
 */
export function startChannelWorker(
  channelType: string,
  concurrency: number,
  createWorker: WorkerFactory,
  deps: DeliveryDependencies & { logger: Logger; quarantine: Pick<Quarantine, 'deliver'> },
) {
  const queue = {
    name: channelQueue(channelType),
    slots: concurrency,
    holderOf: ({ tenantId, configId, expiresAt = Number.POSITIVE_INFINITY }: ChannelJob) =>
      expiresAt > deps.now() ? { tenantId, key: configId } : null,
    lookAtBy: ({ expiresAt }: ChannelJob) => expiresAt,
    onSetAside: (count: number) => deps.metrics.jobsSetAside.set({ queue: channelQueue(channelType) }, count),
  }
  const { traces } = deps
  return startIsolatedWorker<ChannelJob>(createWorker, queue, async (job, token) => {
    const log = () => ({ ...logFieldsOf(job.data), channel: channelType })
    const run = async (): Promise<Verdict> => {
      const first = await deliver(job.data, deps)
      return first.queue === 'quarantine' ? deps.quarantine.deliver(job.data, first) : first
    }
    let verdict: Verdict
    try {
      verdict = await (traces ? traces.run(job, run) : run())
    } catch (error) {
      deps.logger.error({ ...log(), err: error }, 'delivery interrupted by a system fault; the attempt comes again')
      verdict = { queue: 'postpone', until: Date.now() + FAULT_DELAY_MS }
    }
    if (verdict.queue === 'retry' || verdict.queue === 'fail')
      deps.logger.warn({ ...log(), reason: verdict.reason }, `delivery: ${verdict.queue}`)
    if (verdict.queue === 'complete' && deps.logger.isLevelEnabled('debug'))
      deps.logger.debug({ ...log(), note: verdict.note }, 'delivery: complete')
    return follow(job, token, verdict)
  })
}

/** Does to the job what the verdict on it says. */
export async function follow(job: Job, token: string | undefined, verdict: Verdict): Promise<string> {
  switch (verdict.queue) {
    case 'complete':
      return verdict.note
    case 'postpone':
      if (verdict.held && !job.data.held) await job.updateData({ ...job.data, held: true })
      // Counts as no attempt: the job goes back as it came.
      await job.moveToDelayed(verdict.until, token)
      throw new DelayedError()
    case 'retry':
      throw new Error(verdict.reason)
    case 'fail':
      throw new UnrecoverableError(verdict.reason)
  }
}
