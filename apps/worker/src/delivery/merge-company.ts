import { mustGoAlone } from '@message-center/core/messages/task-log.ts'
import { findWaitingContents, type WaitingContent } from '@message-center/core/messages/waiting-tasks.ts'
import type { ChannelJob } from '@message-center/core/queues/jobs.ts'
import { messageOf, reservationKey } from '@message-center/core/rate-limit/reservation-key.ts'
import { type ClaimedByUs, claimWaiting } from './claim.ts'
import {
  fits,
  goTogether,
  isMergeable,
  type MergeableType,
  mergeParts,
  type Part,
  takesMerged,
} from './merge-content.ts'
import type { Sending } from './sending.ts'
import type { DeliveryDependencies } from './verdict.ts'

/** A task that goes along with another one's send, claimed for it. */
export interface Companion {
  job: ChannelJob
  claim: ClaimedByUs
  generation: number
  /** It came before the one that leads. */
  isBefore: boolean
}

/** Most messages in one. */
const MAX_TOGETHER = 100

/**
 * Who goes along with a task that is about to be sent: those who wait in line for the same config, oldest first, of the
 * same type, as many as fit. They are claimed and have left the line. Nobody, where the type, the channel or an earlier
 * refusal speaks against it (docs/adr/0015).
 */
export async function gatherCompany(leader: Sending, deps: DeliveryDependencies): Promise<Companion[]> {
  const { adapter, settings, claim, start, job } = leader
  const { messageType, progress } = claim.task
  if (!isMergeable(messageType) || claim.abandoned || progress !== null || mustGoAlone(claim.task)) return []
  if (!takesMerged(adapter, settings)) return []
  const line = await deps.limiter.peek(start.limit, MAX_TOGETHER + start.ahead)
  if (line.length === 0) return []
  const waiting = await findWaitingContents(deps.pool, job, line.map(messageOf))
  const aheadIds = new Set(line.slice(0, start.ahead).map(messageOf))
  const chosen = choose(leader, messageType, waiting, aheadIds, deps.now())
  const claims = await Promise.allSettled(
    chosen.map(async (task): Promise<Companion | undefined> => {
      const own = jobOf(job, task)
      const taken = await claimWaiting(own, deps)
      return taken && { job: own, claim: taken, generation: task.generation, isBefore: aheadIds.has(task.messageId) }
    }),
  )
  const company = claims.flatMap((result) => (result.status === 'fulfilled' ? (result.value ?? []) : []))
  // Where Redis does not take it back now, their own jobs will, when they find them sent.
  await Promise.allSettled(company.map((each) => deps.limiter.release(reservationKey(each.job), start.limit)))
  return company
}

function choose(
  { adapter, settings, claim }: Sending,
  messageType: MergeableType,
  waiting: readonly WaitingContent[],
  aheadIds: ReadonlySet<string>,
  now: number,
): WaitingContent[] {
  const isAddressed = adapter.requiresRecipients?.(settings) ?? false
  const before: WaitingContent[] = []
  const after: WaitingContent[] = []
  for (const task of waiting) {
    if (!mayCome(task, messageType, now)) continue
    if (before.length + after.length === MAX_TOGETHER - 1) break
    const list = aheadIds.has(task.messageId) ? before : after
    const parts = [
      ...before,
      ...(list === before ? [task] : []),
      claim.task,
      ...after,
      ...(list === after ? [task] : []),
    ].map(partOf)
    // Another's recipients: it stays in line. Too long: those behind must not pass it.
    if (
      !goTogether(
        isAddressed,
        parts.map(({ recipients }) => recipients),
      )
    )
      continue
    if (!fits(adapter, settings, messageType, mergeParts(messageType, parts))) break
    list.push(task)
  }
  return [...before, ...after]
}

/** One that has expired is left to its own job, which says so. */
function mayCome(task: WaitingContent, messageType: MergeableType, now: number): boolean {
  const expired = task.expiresAt !== null && task.expiresAt.getTime() <= now
  return task.messageType === messageType && !expired && task.progress === null && !mustGoAlone(task)
}

/** What a task adds to the message. */
export function partOf(task: Pick<WaitingContent, 'renderedContent' | 'recipients'>): Part {
  return {
    renderedContent: task.renderedContent ?? '',
    recipients: task.recipients ?? { userIds: [], mobiles: [], all: false },
  }
}

function jobOf({ tenantId, channelType, configId }: ChannelJob, task: WaitingContent): ChannelJob {
  const { taskId, messageId, createTime, expiresAt, traceparent } = task
  const job: ChannelJob = { tenantId, messageId, channelType, taskId, createTime, configId }
  if (expiresAt) job.expiresAt = expiresAt.getTime()
  if (traceparent) job.traceparent = traceparent
  return job
}
