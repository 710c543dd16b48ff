import { inspect } from 'node:util'
import type { SendOutcome } from '@message-center/core/channels/adapter.ts'
import { redact } from '@message-center/core/channels/redact.ts'
import type { CandidateConfig } from '@message-center/core/configs/candidates.ts'
import type { ClaimedTask } from '@message-center/core/messages/claim-tasks.ts'
import { type Failure, resultMessage } from '@message-center/core/messages/outcome.ts'
import type { ChannelJob } from '@message-center/core/queues/jobs.ts'
import { classify, type Decision, decide } from './outcome.ts'
import { firstAttemptAt, withAttempt } from './task-log.ts'
import { type DeliveryDependencies, record, type Verdict } from './verdict.ts'

/** One call of the adapter that has ended. */
export interface EndedAttempt {
  job: ChannelJob
  config: CandidateConfig
  token: string
  task: ClaimedTask
  /** Of the config: what an adapter from outside may have put into a text. */
  secrets: readonly string[]
  /** Epoch ms. */
  startedAt: number
  durationMs: number
}

/** Records that the provider took the message. */
export async function recordSuccess(
  outcome: SendOutcome,
  attempt: EndedAttempt,
  deps: DeliveryDependencies,
): Promise<Verdict> {
  const { job, token, task } = attempt
  observe(attempt, 'success', deps)
  deps.circuits.note(attempt.config, 'SUCCESS')
  // An adapter from outside may return anything, or nothing: the message was taken all the same.
  const { response, providerMessageId, detail, checkResultAfterMs }: Record<string, unknown> = { ...outcome }
  const note = typeof detail === 'string' && detail !== '' ? redact(detail, attempt.secrets) : undefined
  await record(deps, job, token, {
    status: 'SUCCESS',
    retryCount: task.retryCount,
    resultMessage: note ?? 'ok',
    thirdPartyResponse: withoutSecrets(textOf(response), attempt),
    providerMessageId: textOf(providerMessageId),
    attempts: withAttempt(task.attempts, {
      ...timesOf(attempt),
      outcome: 'success',
      ...(note ? { detail: note } : {}),
    }),
  })
  if (typeof checkResultAfterMs === 'number') await deps.checkResultLater(job, checkResultAfterMs)
  return { queue: 'complete', note: note ?? 'sent' }
}

/** Records a failed call and decides what comes of it. */
export async function recordFailure(
  thrown: unknown,
  attempt: EndedAttempt,
  deps: DeliveryDependencies,
): Promise<Verdict> {
  const { job, config, token, task, startedAt } = attempt
  const classified = classify(thrown)
  const message = redact(classified.message, attempt.secrets)
  const error = { ...classified, message, code: redact(classified.code, attempt.secrets) }
  observe(attempt, error.errorClass.toLowerCase(), deps)
  deps.circuits.note(config, error.errorClass)
  const { retryInitialDelayMs } = await deps.settings(job.tenantId)
  const decision = decide({
    error,
    policy: config.unknownOutcomePolicy,
    retryCount: task.retryCount,
    maxRetry: task.maxRetry,
    initialDelayMs: config.retry.initialDelayMs ?? retryInitialDelayMs,
    triedForMs: deps.now() - (firstAttemptAt(task) ?? startedAt),
  })
  const attempts = withAttempt(task.attempts, {
    ...timesOf(attempt),
    outcome: error.errorClass.toLowerCase(),
    providerCode: error.code,
    detail: error.message,
  })
  const logged = { thirdPartyResponse: withoutSecrets(error.response ?? null, attempt), attempts }
  const until = decision.next === 'fail' ? null : deps.now() + decision.delayMs
  const failure = until === null || job.expiresAt === undefined || until < job.expiresAt ? null : tooLate(job, decision)
  if (until === null || failure) return fail(failure ?? decision.failure, logged, attempt, deps)
  const reason = resultMessage(decision.failure)
  await record(deps, job, token, {
    status: 'RETRY',
    retryCount: task.retryCount + (decision.next === 'retry' ? 1 : 0),
    nextRetryTime: new Date(until),
    errorCode: decision.failure.code,
    resultMessage: reason,
    ...logged,
  })
  deps.metrics.retries.inc({ channel: job.channelType })
  return decision.next === 'retry' ? { queue: 'retry', reason } : { queue: 'postpone', until }
}

async function fail(
  failure: Failure,
  logged: Pick<Parameters<typeof record>[3], 'thirdPartyResponse' | 'attempts'>,
  { job, token, task }: EndedAttempt,
  deps: DeliveryDependencies,
): Promise<Verdict> {
  const reason = resultMessage(failure)
  await record(deps, job, token, {
    status: 'FAILED',
    retryCount: task.retryCount,
    errorCode: failure.code,
    resultMessage: reason,
    ...logged,
  })
  return { queue: 'fail', reason }
}

/** The next attempt would come after the message has expired. */
function tooLate({ expiresAt }: ChannelJob, { failure }: Decision): Failure {
  return { code: 'EXPIRED', text: `not sent by ${new Date(expiresAt ?? 0).toISOString()}; ${resultMessage(failure)}` }
}

function withoutSecrets(text: string | null, { secrets }: EndedAttempt): string | null {
  return text === null ? null : redact(text, secrets)
}

function observe({ job, durationMs }: EndedAttempt, outcome: string, deps: DeliveryDependencies): void {
  deps.metrics.providerRequest.observe({ channel: job.channelType, outcome }, durationMs / 1000)
}

function timesOf({ startedAt, durationMs }: EndedAttempt) {
  return { at: new Date(startedAt).toISOString(), durationMs }
}

/** Whatever it is, as text; null for nothing. */
function textOf(value: unknown): string | null {
  if (value === undefined || value === null) return null
  if (typeof value !== 'object') return String(value)
  try {
    return JSON.stringify(value)
  } catch {
    // Circular, or holding a BigInt.
    return inspect(value)
  }
}
