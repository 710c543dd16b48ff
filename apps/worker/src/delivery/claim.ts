import { randomUUID } from 'node:crypto'
import type { ClaimedTask, ClaimRequest } from '@message-center/core/messages/claim-tasks.ts'
import { type Interruptions, isPoisoned, mustBeAlone } from '@message-center/core/messages/interruptions.ts'
import type { ChannelJob } from '@message-center/core/queues/jobs.ts'
import { type Delivery, type DeliveryDependencies, record } from './verdict.ts'

/** A task that is ours, or why it is not to be touched now. */
export type Claim = ClaimedByUs | { verdict: Delivery }

export interface ClaimedByUs {
  token: string
  task: ClaimedTask
  /** Its holder did not come back. */
  abandoned: boolean
  /** A send that begins later, on performance.now()'s clock, may last beyond the lease. */
  sendBy: number
  /** Too many of its holders did not come back: it is not to be sent any more. */
  poisoned: boolean
}

export interface ClaimOptions {
  /** Takes it before its time too, to end it. */
  early?: boolean
  /** Takes over from a holder who did not come back even here, where others are being sent: it is only to be ended. */
  takeOver?: boolean
}

/**
 * A send may begin a little after the claim, takes its full time at most and then needs its outcome committed: only after
 * that may another one take over.
 */
const LEASE_MARGIN_MS = 5_000

/**
 * Takes the task, so that nobody else sends it. One whose holder did not come back within its lease is taken over:
 * then it is `abandoned`, and whether its message arrived cannot be known. It may be what ended its holder: so it is taken
 * over in quarantine, where nobody comes to harm, or to set it aside (docs/adr/0028).
 */
export async function claimTask(
  job: ChannelJob,
  deps: DeliveryDependencies,
  { early = false, takeOver = early }: ClaimOptions = {},
): Promise<Claim> {
  const task = await ask(job, deps, null, early)
  if ('verdict' in task || 'token' in task) return task
  const { held } = task
  const freeAt = held.status === 'SENDING' ? held.leaseUntil : held.nextRetryTime
  if (freeAt && freeAt.getTime() > deps.now()) return { verdict: { queue: 'postpone', until: freeAt.getTime() } }
  // One that waits has had no holder: it is the pipeline's just now, or has become due while we asked.
  const elsewhere = takeOver || held.status !== 'SENDING' ? null : toQuarantine(held, deps)
  if (elsewhere) return { verdict: elsewhere }
  const taken = await ask(job, deps, held.claimToken, early)
  // Another job of the same task was faster: whoever has it now is given time to end.
  if ('held' in taken) return { verdict: { queue: 'postpone', until: deps.now() + deps.sendTimeoutMs } }
  return 'token' in taken ? { ...taken, poisoned: isPoisoned(oneMore(held)) } : taken
}

/** A task whose holder did not come back is for the quarantine; null here, where it is, or where it is to be set aside. */
export function toQuarantine(
  held: Interruptions,
  { holder }: Pick<DeliveryDependencies, 'holder'>,
): (Delivery & { queue: 'quarantine' }) | null {
  const suspect = oneMore(held)
  return holder !== null || isPoisoned(suspect) ? null : { queue: 'quarantine', alone: mustBeAlone(suspect) }
}

function oneMore({ interruptions, crashes }: Interruptions): Interruptions {
  return { interruptions: interruptions + 1, crashes }
}

/** Takes a task that waits, before its time; nothing where somebody has it, or where it has ended. */
export async function claimWaiting(job: ChannelJob, deps: DeliveryDependencies): Promise<ClaimedByUs | undefined> {
  const task = await ask(job, deps, null, true)
  return 'token' in task ? task : undefined
}

async function ask(
  job: ChannelJob,
  deps: DeliveryDependencies,
  takeOverFrom: string | null,
  early: boolean,
): Promise<Claim | { held: ClaimedTask }> {
  const { taskId, createTime } = job
  const token = `${deps.holder ?? ''}${randomUUID()}`
  const now = deps.now()
  const leaseMs = deps.sendTimeoutMs + LEASE_MARGIN_MS
  const dueBy = early ? null : new Date(now)
  const request = { taskId, createTime, token, dueBy, leaseMs, takeOverFrom }
  const task = await deps.writer.claim(request).catch((error: unknown) => withdraw(job, deps, request, error))
  if (!task) return { verdict: { queue: 'complete', note: 'the task no longer exists' } }
  if (task.claimToken === token) {
    const sendBy = (task.leaseEndsAt ?? 0) - deps.sendTimeoutMs
    return { token, task, abandoned: takeOverFrom !== null, poisoned: false, sendBy }
  }
  if (task.status === 'SUCCESS' || task.status === 'FAILED') {
    return { verdict: { queue: 'complete', note: `was ${task.status} already` } }
  }
  return { held: task }
}

/**
 * Whether the database has taken the claim is not known, but that nobody sends by it: left there, it would look like a send that
 * may have arrived. One that takes over stays where it may be, for there is such a send before it.
 */
async function withdraw(
  job: ChannelJob,
  deps: DeliveryDependencies,
  { token, takeOverFrom }: Pick<ClaimRequest, 'token' | 'takeOverFrom'>,
  error: unknown,
): Promise<never> {
  if (takeOverFrom === null) await record(deps, job, token, { status: 'PENDING' })
  throw error
}
