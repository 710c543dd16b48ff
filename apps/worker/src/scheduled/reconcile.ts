import { randomUUID } from 'node:crypto'
import type { CandidateSource } from '@message-center/core/configs/candidates.ts'
import type { SettingsSource } from '@message-center/core/configs/settings-source.ts'
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
import {
  bullPriority,
  type ChannelJob,
  channelJobId,
  channelJobOptions,
  PIPELINE_JOB_OPTIONS,
  type PipelineJob,
} from '@message-center/core/queues/jobs.ts'
import type { Queues } from '@message-center/core/queues/queues.ts'
import type { RedisConnection } from '@message-center/core/queues/redis.ts'
import type { Metrics } from '@message-center/core/telemetry/metrics.ts'
import type { Pool } from 'mysql2/promise'

export interface ReconcileDependencies {
  pool: Pool
  redis: RedisConnection
  queues: Queues
  configs: CandidateSource
  settings: SettingsSource
  metrics: Metrics
  channelOrder(channelType: string): number
  onFinished(messages: FinishedMessage[]): void
}

const PAGE = 500
/** In normal running a message is on its way within milliseconds; what has a job gets this long. */
const GRACE_MS = 5_000
/** What was found in order is looked at again after this. */
const NEXT_LOOK_MS = 30_000
const MAX_MESSAGES_PER_JOB = 100

/**
 * Gives a job to whatever MySQL says is not final, is due and has none, and finishes messages whose tasks are all final.
 * Running it twice, or beside itself, changes nothing: claims in MySQL decide who sends.
 * @param everything look at all messages that are not final (Redis was emptied), not only at those past their due time
 * @returns how many messages and tasks got a job
 */
export async function reconcile(deps: ReconcileDependencies, { everything }: { everything: boolean }): Promise<number> {
  let revived = 0
  let after: OverdueCursor | null = null
  const before = everything ? null : new Date()
  for (;;) {
    const page: OverdueMessage[] = await findOverdue(deps.pool, { before, graceMs: GRACE_MS, limit: PAGE, after })
    revived += await revivePage(deps, page)
    const last = page.at(-1)
    if (!last || page.length < PAGE) return revived
    after = last
  }
}

async function revivePage(deps: ReconcileDependencies, page: readonly OverdueMessage[]): Promise<number> {
  const now = Date.now()
  // A later `sendAt` is due later: nothing is missing as yet.
  const due = page.filter((message) => message.jobId !== null || message.dueTime.getTime() <= now)
  if (due.length === 0) return 0
  const pending = due.filter((message) => message.status === 'PENDING')
  const processing = due.filter((message) => message.status === 'PROCESSING')
  const revived = (await revivePending(deps, pending)) + (await reviveTasks(deps, processing))
  await lookAgainAt(
    deps.pool,
    due.map((message) => ({ ...message, at: new Date(now + NEXT_LOOK_MS) })),
  )
  return revived
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
  await deps.queues.pipeline.addBulk(
    jobs.map(({ id, members }) => {
      const data: PipelineJob = {
        tenantId: members[0]?.tenantId ?? '',
        messages: members.map(({ messageId, createTime }) => [messageId, createTime]),
      }
      const name = members.length === 1 ? (members[0]?.messageId ?? '') : `${members.length} messages`
      return {
        name,
        data,
        opts: { ...PIPELINE_JOB_OPTIONS, jobId: id, priority: bullPriority(members[0]?.priority ?? 0) },
      }
    }),
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
    await queue.addBulk(jobs)
    deps.metrics.reconciled.inc({ kind: 'task' }, lost.length)
    revived += lost.length
  }
  return revived
}

async function newJob(deps: ReconcileDependencies, task: OpenTask, message: OverdueMessage | undefined) {
  const config = await deps.configs.config(task.tenantId, task.configId)
  const { retryInitialDelayMs } = await deps.settings(task.tenantId)
  const { tenantId, messageId, createTime, channelType, taskId, configId } = task
  const data: ChannelJob = { tenantId, messageId, createTime, channelType, taskId, configId }
  if (message?.expiresAt) data.expiresAt = message.expiresAt.getTime()
  // Somebody may be sending still: the next one looks when that can no longer be.
  const notBefore = task.status === 'SENDING' ? task.leaseUntil : task.nextRetryTime
  const opts = channelJobOptions({
    taskId,
    generation: task.generation + 1,
    priority: message?.priority ?? 0,
    retries: Math.max(0, task.maxRetry - task.retryCount),
    // The backoff goes on where it was: doubled once per retry used.
    initialDelayMs: (config?.retry.initialDelayMs ?? retryInitialDelayMs) * 2 ** task.retryCount,
    delayMs: (notBefore?.getTime() ?? 0) - Date.now(),
  })
  return { name: messageId, data, opts }
}

function inChunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, index) =>
    list.slice(index * size, (index + 1) * size),
  )
}
