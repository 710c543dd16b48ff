import type { ChannelRegistry } from '@message-center/core/channels/registry.ts'
import type { CandidateConfig, CandidateSource } from '@message-center/core/configs/candidates.ts'
import { openSettings } from '@message-center/core/configs/channel-config-secrets.ts'
import type { SettingsSource } from '@message-center/core/configs/settings-source.ts'
import type { OutcomeCode } from '@message-center/core/contracts/messages.ts'
import type { ClaimedTask } from '@message-center/core/messages/claim-tasks.ts'
import { resultMessage } from '@message-center/core/messages/outcome.ts'
import type { TaskOutcome } from '@message-center/core/messages/record-outcomes.ts'
import type { ChannelJob } from '@message-center/core/queues/jobs.ts'
import type { RateLimiter, RateLimitStart } from '@message-center/core/rate-limit/rate-limiter.ts'
import type { Cipher } from '@message-center/core/secrets/cipher.ts'
import type { Metrics } from '@message-center/core/telemetry/metrics.ts'
import { type AttemptDependencies, newClaimToken, send } from './attempt.ts'
import { classify, type Decision, decide } from './outcome.ts'
import { withAttempt } from './task-log.ts'
import type { TaskWriter } from './task-writer.ts'

/** What the queue has to do with the job after one run of it. */
export type Verdict =
  | { queue: 'complete'; note: string }
  /** BullMQ's own backoff. */
  | { queue: 'retry'; reason: string }
  /** The same attempt at a later time; no retry is used up. */
  | { queue: 'postpone'; until: number }
  | { queue: 'fail'; reason: string }

export interface DeliveryDependencies extends AttemptDependencies {
  registry: ChannelRegistry
  configs: CandidateSource
  settings: SettingsSource
  cipher: Cipher
  limiter: RateLimiter
  writer: TaskWriter
  metrics: Metrics
  now(): number
}

/** A send may take its full time and then needs its outcome committed: only after that may another one take over. */
const LEASE_MARGIN_MS = 5_000
/** Shorter waits are over before anybody could read of them. */
const VISIBLE_WAIT_MS = 2_000

/**
 * One run of a task's job: waits for its rate-limit slot, claims the task in MySQL, sends, records the outcome.
 * Resolves only after the outcome is committed.
 * @throws only on a fault of the system (database or Redis away)
 */
export async function deliver(job: ChannelJob, deps: DeliveryDependencies): Promise<Verdict> {
  const adapter = deps.registry.get(job.channelType)?.adapter
  if (!adapter) return finishUnsent(job, deps, 'VALIDATION_FAILED', `no adapter is loaded for ${job.channelType}`)
  const config = await deps.configs.config(job.tenantId, job.configId)
  if (!config) return finishUnsent(job, deps, 'CHANNEL_NOT_CONFIGURED', `channel config ${job.configId} was deleted`)
  if (job.expiresAt !== undefined && job.expiresAt <= deps.now()) return expire(job, config, deps)

  const start = await deps.limiter.start(reservationKey(job), { configId: config.id, ...config.rateLimit })
  if (!start.go) return waitForSlot(job, deps, start.slotAt - start.now)

  const claim = await claimTask(job, config, deps)
  if ('verdict' in claim) return claim.verdict
  const settings = openSettings(deps.cipher, config)
  const startedAt = deps.now()
  const stopwatch = performance.now()
  const elapsed = () => performance.now() - stopwatch
  const attempt = { job, task: claim.task, config, settings, adapter }
  try {
    const outcome = await send(attempt, deps)
    deps.metrics.providerRequest.observe({ channel: job.channelType, outcome: 'success' }, elapsed() / 1000)
    settle(deps, start)
    const detail = outcome.detail ?? null
    await deps.writer.record({
      ...base(job, claim.token, claim.task.retryCount),
      status: 'SUCCESS',
      resultMessage: detail ?? 'ok',
      thirdPartyResponse:
        typeof outcome.response === 'string' ? outcome.response : JSON.stringify(outcome.response ?? null),
      providerMessageId: outcome.providerMessageId ?? null,
      attempts: withAttempt(claim.task.attempts, {
        at: new Date(startedAt).toISOString(),
        durationMs: elapsed(),
        outcome: 'success',
        ...(detail ? { detail } : {}),
      }),
    })
    deps.metrics.tasksFinished.inc({ channel: job.channelType, outcome: 'success' })
    return { queue: 'complete', note: detail ?? 'sent' }
  } catch (error) {
    settle(deps, start)
    return recordFailure(error, { job, config, deps, claim, startedAt, durationMs: elapsed() })
  }
}

/** Deterministic per message and channel: a pipeline that runs again finds its reservation, and so does the send. */
export function reservationKey({
  tenantId,
  messageId,
  channelType,
}: Pick<ChannelJob, 'tenantId' | 'messageId' | 'channelType'>): string {
  return `${tenantId}/${messageId}/${channelType}`
}

interface FailedSend {
  job: ChannelJob
  config: CandidateConfig
  deps: DeliveryDependencies
  claim: { token: string; task: ClaimedTask }
  startedAt: number
  durationMs: number
}

async function recordFailure(
  thrown: unknown,
  { job, config, deps, claim, startedAt, durationMs }: FailedSend,
): Promise<Verdict> {
  const error = classify(thrown)
  const { task, token } = claim
  const defaults = await deps.settings(job.tenantId)
  deps.metrics.providerRequest.observe(
    { channel: job.channelType, outcome: error.errorClass.toLowerCase() },
    durationMs / 1000,
  )
  const decision = decide({
    error,
    policy: config.unknownOutcomePolicy,
    retryCount: task.retryCount,
    maxRetry: task.maxRetry,
    initialDelayMs: config.retry.initialDelayMs ?? defaults.retryInitialDelayMs,
    ageMs: deps.now() - Date.parse(`${job.createTime.replace(' ', 'T')}Z`),
  })
  const reason = resultMessage(decision.failure)
  const until = decision.next === 'fail' ? null : deps.now() + decision.delayMs
  await deps.writer.record({
    ...base(job, token, task.retryCount + (decision.next === 'retry' ? 1 : 0)),
    status: decision.next === 'fail' ? 'FAILED' : 'RETRY',
    nextRetryTime: until === null ? null : new Date(until),
    errorCode: decision.failure.code,
    resultMessage: reason,
    thirdPartyResponse: error.response ?? null,
    attempts: withAttempt(task.attempts, {
      at: new Date(startedAt).toISOString(),
      durationMs,
      outcome: error.errorClass.toLowerCase(),
      providerCode: error.code,
      detail: error.message,
    }),
  })
  return verdictOf(decision, reason, until, job, deps)
}

function verdictOf(
  decision: Decision,
  reason: string,
  until: number | null,
  job: ChannelJob,
  deps: DeliveryDependencies,
): Verdict {
  if (decision.next === 'fail') {
    deps.metrics.tasksFinished.inc({ channel: job.channelType, outcome: decision.failure.code.toLowerCase() })
    return { queue: 'fail', reason }
  }
  deps.metrics.retries.inc({ channel: job.channelType })
  return decision.next === 'retry' ? { queue: 'retry', reason } : { queue: 'postpone', until: until ?? deps.now() }
}

type Claim = { token: string; task: ClaimedTask } | { verdict: Verdict }

/** Takes the task, or finds out why it is not to be sent now. */
async function claimTask(job: ChannelJob, config: CandidateConfig, deps: DeliveryDependencies): Promise<Claim> {
  const first = await tryClaim(job, deps, null)
  if ('token' in first || 'verdict' in first) return first
  const { held } = first
  // Somebody was sending and did not come back. Whether the message arrived cannot be known.
  const leftMs = (held.leaseUntil?.getTime() ?? 0) - deps.now()
  if (leftMs > 0) return { verdict: { queue: 'postpone', until: deps.now() + leftMs } }
  if (config.unknownOutcomePolicy === 'FAIL') {
    await deps.writer.record({
      ...base(job, held.claimToken, held.retryCount),
      status: 'FAILED',
      errorCode: 'CHANNEL_ERROR',
      resultMessage: 'CHANNEL_ERROR: the sender stopped in the middle; whether the message arrived is not known',
    })
    deps.metrics.tasksFinished.inc({ channel: job.channelType, outcome: 'channel_error' })
    return { verdict: { queue: 'fail', reason: 'unknown outcome' } }
  }
  const second = await tryClaim(job, deps, held.claimToken)
  return 'held' in second ? { verdict: { queue: 'postpone', until: deps.now() + deps.sendTimeoutMs } } : second
}

async function tryClaim(
  job: ChannelJob,
  deps: DeliveryDependencies,
  takeOverFrom: string | null,
): Promise<Claim | { held: ClaimedTask }> {
  const token = newClaimToken()
  const leaseUntil = new Date(deps.now() + deps.sendTimeoutMs + LEASE_MARGIN_MS)
  const task = await deps.writer.claim({
    taskId: job.taskId,
    createTime: job.createTime,
    token,
    leaseUntil,
    takeOverFrom,
  })
  if (!task) return { verdict: { queue: 'complete', note: 'the task no longer exists' } }
  if (task.claimToken === token) return { token, task }
  if (task.status === 'SUCCESS' || task.status === 'FAILED') {
    return { verdict: { queue: 'complete', note: `was ${task.status} already` } }
  }
  return { held: task }
}

async function waitForSlot(job: ChannelJob, deps: DeliveryDependencies, waitMs: number): Promise<Verdict> {
  const until = deps.now() + Math.max(1, waitMs)
  if (waitMs >= VISIBLE_WAIT_MS) {
    await deps.writer.postpone({ taskId: job.taskId, createTime: job.createTime, until: new Date(until) })
  }
  return { queue: 'postpone', until }
}

/** Ends a task that is not being sent. */
async function finishUnsent(
  job: ChannelJob,
  deps: DeliveryDependencies,
  code: OutcomeCode,
  text: string,
): Promise<Verdict> {
  const reason = resultMessage({ code, text })
  await deps.writer.record({ ...base(job, null, 0), status: 'FAILED', errorCode: code, resultMessage: reason })
  deps.metrics.tasksFinished.inc({ channel: job.channelType, outcome: code.toLowerCase() })
  return { queue: 'fail', reason }
}

async function expire(job: ChannelJob, config: CandidateConfig, deps: DeliveryDependencies): Promise<Verdict> {
  await deps.limiter.release(reservationKey(job), { configId: config.id, ...config.rateLimit })
  return finishUnsent(job, deps, 'EXPIRED', `not sent by ${new Date(job.expiresAt ?? 0).toISOString()}`)
}

function settle(deps: DeliveryDependencies, start: RateLimitStart): void {
  if (start.go) deps.limiter.settle(start)
}

function base(
  job: ChannelJob,
  token: string | null,
  retryCount: number,
): Omit<TaskOutcome, 'status'> & { ref: ChannelJob } {
  return {
    ref: job,
    taskId: job.taskId,
    createTime: job.createTime,
    token,
    retryCount,
    nextRetryTime: null,
    errorCode: null,
    resultMessage: null,
    thirdPartyResponse: null,
    providerMessageId: null,
    attempts: null,
  }
}
