import { randomUUID } from 'node:crypto'
import type { AdapterLogger, ChannelAdapter, Fetch, SendOutcome } from '@message-center/core/channels/adapter.ts'
import { ChannelError } from '@message-center/core/channels/channel-error.ts'
import type { CandidateConfig } from '@message-center/core/configs/candidates.ts'
import type { Content } from '@message-center/core/contracts/content.ts'
import type { ClaimedTask } from '@message-center/core/messages/claim-tasks.ts'
import type { ChannelJob } from '@message-center/core/queues/jobs.ts'

export interface AttemptDependencies {
  fetch: Fetch
  /** Upper bound of one send, provider calls and token look-ups included. */
  sendTimeoutMs: number
  /** The sends under way, so that a shutdown can abort them. */
  underWay: Set<AbortController>
  logger: AdapterLogger
}

/** Everything one send needs. */
export interface Attempt {
  job: ChannelJob
  task: ClaimedTask
  config: CandidateConfig
  settings: Record<string, unknown>
  adapter: ChannelAdapter
}

/** The same for every attempt of a task, so that a provider which looks at it takes the message once. */
function idempotencyKey({ taskId }: Pick<ChannelJob, 'taskId'>): string {
  return `mc-${taskId}`
}

/** Unique to one attempt. */
export function newClaimToken(): string {
  return randomUUID()
}

/**
 * Sends once through the adapter; an expired token is given one more try at once.
 * @throws whatever the adapter throws; ChannelError UNKNOWN where it did not answer in time
 */
export async function send(attempt: Attempt, deps: AttemptDependencies): Promise<SendOutcome> {
  try {
    return await sendOnce(attempt, deps)
  } catch (error) {
    if (error instanceof Error && 'errorClass' in error && error.errorClass === 'TOKEN_EXPIRED')
      return sendOnce(attempt, deps)
    throw error
  }
}

async function sendOnce({ job, task, settings, adapter }: Attempt, deps: AttemptDependencies): Promise<SendOutcome> {
  const messageType = task.messageType ?? 'TEXT'
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), deps.sendTimeoutMs)
  deps.underWay.add(controller)
  try {
    const sending = adapter.send(
      {
        config: settings,
        messageType,
        content: contentOf(task),
        recipients: task.recipients ?? { userIds: [], mobiles: [], all: false },
        idempotencyKey: idempotencyKey(job),
        task: { tenantId: job.tenantId, messageId: job.messageId, taskId: job.taskId },
      },
      { fetch: deps.fetch, signal: controller.signal, logger: deps.logger },
    )
    return await Promise.race([sending, rejectOnAbort(controller.signal, deps.sendTimeoutMs)])
  } finally {
    clearTimeout(timer)
    deps.underWay.delete(controller)
  }
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
