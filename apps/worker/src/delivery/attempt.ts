import type { ChannelAdapter, Fetch, SendOutcome } from '@message-center/core/channels/adapter.ts'
import { ChannelError } from '@message-center/core/channels/channel-error.ts'
import { fetchUntil } from '@message-center/core/channels/http.ts'
import type { CandidateConfig } from '@message-center/core/configs/candidates.ts'
import type { Content } from '@message-center/core/contracts/content.ts'
import type { ClaimedTask } from '@message-center/core/messages/claim-tasks.ts'
import type { ChannelJob } from '@message-center/core/queues/jobs.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import { logFieldsOf } from '../message-log.ts'
import type { DeliveryTraces } from '../tracing/trace-delivery.ts'
import { WORKER_STOPPED } from './outcome.ts'
import type { Progress } from './progress.ts'

export interface AttemptDependencies {
  fetch: Fetch
  /** Upper bound of one send, provider calls and token look-ups included. */
  sendTimeoutMs: number
  /** The sends under way, so that a shutdown can abort them. */
  underWay: Set<AbortController>
  logger: Logger
  traces?: DeliveryTraces | undefined
}

/** Everything one send needs. */
export interface Attempt {
  job: ChannelJob
  task: ClaimedTask
  config: CandidateConfig
  settings: Record<string, unknown>
  adapter: ChannelAdapter
  progress: Progress
  /** Of a message that is not this task's alone. */
  idempotencyKey?: string
}

/** Why a send is broken off: the worker was told to stop, and cannot wait any longer for the provider's answer. */
export class WorkerStops extends Error {}

/**
 * The same for every attempt of a task, so that a provider which looks at it takes the message once. The ids of a database
 * that was made anew begin again, and of another system that sends to the same robot are the same: the time tells them apart.
 */
export function taskKey({ taskId, createTime }: Pick<ChannelJob, 'taskId' | 'createTime'>): string {
  return `mc-${taskId}-${createTime.replaceAll(/\D/g, '')}`
}

/**
 * Sends once through the adapter; an expired token is given one more try at once. One deadline holds for both.
 * @throws whatever the adapter throws; ChannelError UNKNOWN where it did not answer in time
 */
export function send(attempt: Attempt, deps: AttemptDependencies): Promise<SendOutcome> {
  const work = () => sendInTime(attempt, deps)
  return deps.traces ? deps.traces.send(attempt.job, work) : work()
}

async function sendInTime(attempt: Attempt, deps: AttemptDependencies): Promise<SendOutcome> {
  const controller = new AbortController()
  const inTime = { ...deps, fetch: fetchUntil(deps.fetch, performance.now() + deps.sendTimeoutMs) }
  const timer = setTimeout(() => controller.abort(), deps.sendTimeoutMs)
  deps.underWay.add(controller)
  const { signal } = controller
  try {
    return await Promise.race([sendWithFreshToken(attempt, inTime, signal), rejectOnAbort(signal, deps.sendTimeoutMs)])
  } catch (error) {
    throw signal.reason instanceof WorkerStops ? stopped(error) : error
  } finally {
    clearTimeout(timer)
    deps.underWay.delete(controller)
  }
}

/** What had not gone out for certain when it was broken off stays so. */
function stopped(error: unknown): ChannelError {
  const unsent = error instanceof Error && 'errorClass' in error && error.errorClass === 'TRANSIENT'
  return new ChannelError(unsent ? 'TRANSIENT' : 'UNKNOWN', {
    code: WORKER_STOPPED,
    message: 'the worker was stopped before the provider had answered',
  })
}

async function sendWithFreshToken(
  attempt: Attempt,
  deps: AttemptDependencies,
  signal: AbortSignal,
): Promise<SendOutcome> {
  try {
    return await sendOnce(attempt, deps, signal)
  } catch (error) {
    const expired = error instanceof Error && 'errorClass' in error && error.errorClass === 'TOKEN_EXPIRED'
    if (expired && !signal.aborted) return sendOnce(attempt, deps, signal)
    throw error
  }
}

async function sendOnce(
  { job, task, settings, adapter, progress, idempotencyKey }: Attempt,
  { fetch, logger }: AttemptDependencies,
  signal: AbortSignal,
): Promise<SendOutcome> {
  return adapter.send(
    {
      config: settings,
      messageType: task.messageType ?? 'TEXT',
      content: contentOf(task),
      recipients: task.recipients ?? { userIds: [], mobiles: [], all: false },
      idempotencyKey: idempotencyKey ?? taskKey(job),
      task: { tenantId: job.tenantId, messageId: job.messageId, taskId: job.taskId },
      progress: progress.current(),
    },
    {
      fetch,
      signal,
      // Made only for an adapter that logs.
      get logger() {
        return logger.child({ ...logFieldsOf(job), channel: job.channelType })
      },
      saveProgress: progress.save,
    },
  )
}

/** An adapter that ignores its signal must not hold the task for ever. */
function rejectOnAbort(signal: AbortSignal, timeoutMs: number): Promise<never> {
  return new Promise((_, reject) => {
    const giveUp = () =>
      reject(new ChannelError('UNKNOWN', { code: 'TIMEOUT', message: `no answer within ${timeoutMs} ms` }))
    signal.addEventListener('abort', giveUp, { once: true })
  })
}

function contentOf({ messageType, renderedContent }: ClaimedTask): Content {
  const stored = renderedContent ?? ''
  return messageType === 'TEXT' || messageType === null ? stored : (JSON.parse(stored) as Content)
}
