import { randomUUID } from 'node:crypto'
import type { CandidateSource } from '@message-center/core/configs/candidates.ts'
import type { SettingsSource } from '@message-center/core/configs/settings-source.ts'
import { aloneWith } from '@message-center/core/database/named-lock.ts'
import { MAX_MESSAGES_PER_JOB, pipelineJob } from '@message-center/core/messages/enqueue.ts'
import { type FinishedMessage, finishMessages } from '@message-center/core/messages/message-status.ts'
import {
  assignJob,
  findOpenTasks,
  findOverdue,
  lookAgainAt,
  type OpenTask,
  type OverdueCursor,
  type OverdueMessage,
  raiseGeneration,
} from '@message-center/core/messages/overdue.ts'
import { livingJobs } from '@message-center/core/queues/job-presence.ts'
import { type ChannelJob, channelJobId, channelJobOptions } from '@message-center/core/queues/jobs.ts'
import type { Queues } from '@message-center/core/queues/queues.ts'
import type { RedisConnection } from '@message-center/core/queues/redis.ts'
import type { Metrics } from '@message-center/core/telemetry/metrics.ts'
import type { Pool } from 'mysql2/promise'
import { reviveCallbacks } from '../callbacks/revive-callbacks.ts'

export interface ReconcileDependencies {
  pool: Pool
  redis: RedisConnection
  queues: Queues
  configs: CandidateSource
  settings: SettingsSource
  metrics: Metrics
  channelOrder(channelType: string): number
  onFinished(messages: FinishedMessage[]): void
  /** Told of a channel type whose tasks have been due for long: should its adapter not be loaded any more, nobody takes them. */
  onLongDue(channelType: string): void
}

const PAGE = 500
/** In normal running a message is on its way within milliseconds; what has a job gets this long. */
const GRACE_MS = 5_000
/** What was found in order is looked at again after this. */
const NEXT_LOOK_MS = 30_000
const FALLBACK_DELAY_MS = 60_000
/** Longer than a roll-out during which some workers load an adapter and others do not. */
const LONG_DUE_MS = 600_000

/**
 * Gives a job to whatever MySQL says is not final, or final with its callback still to be made, is due and has none, and
 * finishes messages whose tasks are all final.
 * One process at a time does it: two would take each other's jobs, not added as yet, for lost ones. Running it twice
 * changes nothing; even a second job would not send again, for claims in MySQL decide who sends.
 * @param everything look at all messages that are not final (Redis was emptied), not only at those past their due time
 * @returns how many messages, tasks and callbacks got a job; undefined where another process is at it
 */
export function reconcile(
  deps: ReconcileDependencies,
  { everything }: { everything: boolean },
): Promise<number | undefined> {
  return aloneWith(deps.pool, 'reconcile', () => reviveAll(deps, everything))
}

async function reviveAll(deps: ReconcileDependencies, everything: boolean): Promise<number> {
  let revived = 0
  let after: OverdueCursor | null = null
  const before = everything ? null : new Date()
  for (;;) {
    const page: OverdueMessage[] = await findOverdue(deps.pool, { before, graceMs: GRACE_MS, limit: PAGE, after })
    const due = dueNow(page)
    revived += await revive(deps, due)
    // Looking at everything goes by the due times: moved ahead, the same messages would come again without end.
    if (!everything) await lookAgainAt(deps.pool, due, new Date(Date.now() + NEXT_LOOK_MS))
    const last = page.at(-1)
    if (!last || page.length < PAGE) return revived
    after = last
  }
}

/** A later `sendAt` is due later: nothing is missing as yet. */
function dueNow(page: readonly OverdueMessage[]): OverdueMessage[] {
  const now = Date.now()
  return page.filter((message) => message.jobId !== null || message.dueTime.getTime() <= now)
}

async function revive(deps: ReconcileDependencies, due: readonly OverdueMessage[]): Promise<number> {
  const pending = due.filter((message) => message.awaitsPipeline)
  const processing = due.filter((message) => message.status === 'PROCESSING')
  const final = due.filter((message) => message.status !== 'PENDING' && message.status !== 'PROCESSING')
  const revived = [await revivePending(deps, pending), await reviveTasks(deps, processing)]
  return revived.reduce((sum, count) => sum + count, await reviveCallbacks(deps, final))
}

async function revivePending(deps: ReconcileDependencies, pending: readonly OverdueMessage[]): Promise<number> {
  const living = await livingJobs(
    deps.redis,
    deps.queues.pipeline,
    pending.flatMap(({ jobId }) => jobId ?? []),
  )
  const lost = pending.filter(({ jobId }) => jobId === null || !living.has(jobId))
  const groups = Map.groupBy(lost, ({ tenantId, priority }) => `${tenantId} ${priority}`)
  const jobs = [...groups.values()]
    .flatMap((group) => inChunks(group, MAX_MESSAGES_PER_JOB))
    .map((members) => ({ id: `r${randomUUID()}`, members }))
  if (jobs.length === 0) return 0
  await assignJob(
    deps.pool,
    jobs.flatMap(({ id, members }) => members.map((member) => ({ ...member, jobId: id }))),
  )
  await deps.queues.addFairly(
    deps.queues.pipeline,
    jobs.map(({ id, members }) => pipelineJob(id, members)),
  )
  deps.metrics.reconciled.inc({ kind: 'message' }, lost.length)
  return lost.length
}

async function reviveTasks(deps: ReconcileDependencies, processing: readonly OverdueMessage[]): Promise<number> {
  if (processing.length === 0) return 0
  const open = await findOpenTasks(deps.pool, processing)
  const withOpenTasks = new Set(open.map(({ tenantId, messageId }) => `${tenantId} ${messageId}`))
  const ended = processing.filter(({ tenantId, messageId }) => !withOpenTasks.has(`${tenantId} ${messageId}`))
  if (ended.length > 0) deps.onFinished(await finishMessages(deps.pool, ended, deps.channelOrder))

  const messages = new Map(processing.map((message) => [`${message.tenantId} ${message.messageId}`, message]))
  let revived = 0
  for (const [channelType, tasks] of Map.groupBy(open, (task) => task.channelType)) {
    if (tasks.some((task) => isLongDue(task, messages.get(`${task.tenantId} ${task.messageId}`))))
      deps.onLongDue(channelType)
    const queue = deps.queues.channel(channelType)
    const living = await livingJobs(
      deps.redis,
      queue,
      tasks.map(({ taskId, generation }) => channelJobId(taskId, generation)),
    )
    const lost = tasks.filter(({ taskId, generation }) => !living.has(channelJobId(taskId, generation)))
    if (lost.length === 0) continue
    await raiseGeneration(deps.pool, lost)
    const jobs = await Promise.all(
      lost.map((task) => newJob(deps, task, messages.get(`${task.tenantId} ${task.messageId}`))),
    )
    await deps.queues.addFairly(queue, jobs)
    deps.metrics.reconciled.inc({ kind: 'task' }, lost.length)
    revived += lost.length
  }
  return revived
}

function isLongDue({ nextRetryTime }: OpenTask, message: OverdueMessage | undefined): boolean {
  const since = Math.max(message?.sendableSince.getTime() ?? 0, nextRetryTime?.getTime() ?? 0)
  return since < Date.now() - LONG_DUE_MS
}

/**
 * What is wrong with one tenant's configs must not keep the others from their jobs; the delivery will say what it is. The
 * wait of a retry stands in its row, whatever the queue thinks.
 */
async function initialDelayOf({ configs, settings }: ReconcileDependencies, task: OpenTask): Promise<number> {
  try {
    const config = await configs.config(task.tenantId, task.configId)
    return config?.retry.initialDelayMs ?? (await settings(task.tenantId)).retryInitialDelayMs
  } catch {
    return FALLBACK_DELAY_MS
  }
}

async function newJob(deps: ReconcileDependencies, task: OpenTask, message: OverdueMessage | undefined) {
  const initialDelayMs = await initialDelayOf(deps, task)
  const { tenantId, messageId, createTime, channelType, taskId, configId, changeNumber } = task
  const data: ChannelJob = { tenantId, messageId, createTime, channelType, taskId, configId, changeNumber }
  if (message?.expiresAt) data.expiresAt = message.expiresAt.getTime()
  if (message) data.sendableSince = message.sendableSince.getTime()
  if (task.status === 'PENDING' && task.nextRetryTime) data.held = true
  if (message?.traceparent) data.traceparent = message.traceparent
  // Somebody may be sending still: the next one looks when that can no longer be.
  const notBefore = task.status === 'SENDING' ? task.leaseUntil : task.nextRetryTime
  const opts = channelJobOptions({
    taskId,
    generation: task.generation + 1,
    retries: Math.max(0, task.maxRetry - task.retryCount),
    // The backoff goes on where it was: doubled once per retry used.
    initialDelayMs: initialDelayMs * 2 ** task.retryCount,
    delayMs: Math.min(notBefore?.getTime() ?? 0, data.expiresAt ?? Number.POSITIVE_INFINITY) - Date.now(),
  })
  return { name: messageId, data, opts, fair: { tenantId, priority: message?.priority ?? 0 } }
}

function inChunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) =>
    list.slice(index * size, (index + 1) * size),
  )
}
