import type { ChannelJob } from '@message-center/core/queues/jobs.ts'
import { toQuarantine } from './claim.ts'
import type { Delivery, DeliveryDependencies } from './verdict.ts'

/** What a look at a task says before anything is taken for it. */
export type Look = { verdict: Delivery; ended: boolean } | { waited: boolean }

/**
 * Where a task stands that may have been in line: it may have gone along with another one, or been cancelled meanwhile,
 * and must then take no slot. Nor must one that goes to quarantine: its place in the line is for its run there. `waited`: it
 * was told to wait before.
 * @param takeOver where its holder did not come back it is ended here
 */
export async function lookAt(
  job: ChannelJob,
  deps: DeliveryDependencies,
  { takeOver }: { takeOver: boolean },
): Promise<Look> {
  const task = await deps.writer.look(job)
  if (!task) return { verdict: { queue: 'complete', note: 'the task no longer exists' }, ended: true }
  if (task.status === 'SUCCESS' || task.status === 'FAILED') {
    return { verdict: { queue: 'complete', note: `was ${task.status} already` }, ended: true }
  }
  const freeAt = task.status === 'SENDING' ? task.leaseUntil : task.nextRetryTime
  if (freeAt && freeAt.getTime() > deps.now()) {
    return { verdict: { queue: 'postpone', until: freeAt.getTime() }, ended: false }
  }
  const elsewhere = task.status === 'SENDING' && !takeOver ? toQuarantine(task, deps) : null
  if (elsewhere) return { verdict: elsewhere, ended: false }
  return { waited: task.nextRetryTime !== null }
}
