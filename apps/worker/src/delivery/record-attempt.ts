import type { SendOutcome } from '@message-center/core/channels/adapter.ts'
import { asText } from '@message-center/core/channels/as-text.ts'
import type { ErrorClass } from '@message-center/core/channels/channel-error.ts'
import { redact } from '@message-center/core/channels/redact.ts'
import type { CandidateConfig } from '@message-center/core/configs/candidates.ts'
import type { ClaimedTask } from '@message-center/core/messages/claim-tasks.ts'
import { type Failure, resultMessage } from '@message-center/core/messages/outcome.ts'
import { firstAttemptAt, SPLIT, withAttempt } from '@message-center/core/messages/task-log.ts'
import type { ChannelJob } from '@message-center/core/queues/jobs.ts'
import type { QuotaUse } from '@message-center/core/quota/quota-usage.ts'
import type { Started } from '@message-center/core/rate-limit/rate-limiter.ts'
import type { ClaimedByUs } from './claim.ts'
import { type ClassifiedError, classify, type Decision, decide } from './outcome.ts'
import { type DeliveryDependencies, record, type Verdict } from './verdict.ts'

/** One call of the adapter that has ended. */
export interface EndedAttempt {
  job: ChannelJob
  config: CandidateConfig
  token: string
  task: ClaimedTask
  /** Of the retries. */
  initialDelayMs: number
  /** Of the config: what an adapter from outside may have put into a text. */
  secrets: readonly string[]
  /** Epoch ms. */
  startedAt: number
  durationMs: number
  /** What it takes of the config's monthly quota. */
  quotaUse?: QuotaUse
  /** Set where the call carried several tasks: how many besides this one, and whether this is the one it was made for. */
  company?: { others: number; leads: boolean }
}

/** A start as it counts towards a monthly quota; with it the one of a holder who did not live to count his. */
export function quotaUseOf({ limit }: Started, { abandoned }: Pick<ClaimedByUs, 'abandoned'>): { quotaUse?: QuotaUse } {
  if (!limit.quota) return {}
  return { quotaUse: { configId: limit.configId, month: limit.quota.month, sends: abandoned ? 2 : 1 } }
}

/** Records that the provider took the message. */
export async function recordSuccess(
  outcome: SendOutcome,
  attempt: EndedAttempt,
  deps: DeliveryDependencies,
): Promise<Verdict> {
  const { job, token, task, company } = attempt
  observe(attempt, 'SUCCESS', deps)
  countDelivery(attempt, deps)
  // An adapter from outside may return anything, or nothing: the message was taken all the same.
  const { response, providerMessageId, detail, checkResultAfterMs }: Record<string, unknown> = { ...outcome }
  const told = typeof detail === 'string' && detail !== '' ? redact(detail, attempt.secrets) : undefined
  const note = [together(attempt), told].filter((text) => text !== undefined).join('; ') || undefined
  await record(deps, job, token, {
    status: 'SUCCESS',
    retryCount: task.retryCount,
    resultMessage: note ?? 'ok',
    thirdPartyResponse: withoutSecrets(asText(response), attempt),
    // It names a message that is others' too: whoever takes this one back must not take theirs.
    providerMessageId: company ? null : asText(providerMessageId),
    ...quotaUseIn(attempt),
    attempts: withAttempt(task.attempts, {
      ...timesOf(attempt),
      outcome: 'success',
      ...(note ? { detail: note } : {}),
    }),
  })
  if (typeof checkResultAfterMs === 'number' && !company) await deps.checkResultLater(job, checkResultAfterMs)
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
  observe(attempt, error.errorClass, deps)
  const split = attempt.company !== undefined && isRefusal(error)
  const decision = split
    ? alone(error)
    : decide({
        error,
        policy: config.unknownOutcomePolicy,
        retryCount: task.retryCount,
        maxRetry: task.maxRetry,
        initialDelayMs: attempt.initialDelayMs,
        triedForMs: deps.now() - (firstAttemptAt(task) ?? startedAt),
      })
  const attempts = withAttempt(task.attempts, {
    ...timesOf(attempt),
    outcome: split ? SPLIT : error.errorClass.toLowerCase(),
    providerCode: error.code,
    detail: [together(attempt), error.message].filter((text) => text !== undefined).join(': '),
  })
  const response = withoutSecrets(error.response ?? null, attempt)
  const logged = { thirdPartyResponse: response, attempts, ...quotaUseIn(attempt) }
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
  if (!split) deps.metrics.retries.inc({ channel: job.channelType })
  return decision.next === 'retry' ? { queue: 'retry', reason } : { queue: 'postpone', until }
}

async function fail(
  failure: Failure,
  logged: Pick<Parameters<typeof record>[3], 'thirdPartyResponse' | 'attempts' | 'quotaUse'>,
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

/** The provider will not take the message, as it is, whenever it is sent. */
function isRefusal({ errorClass }: ClassifiedError): boolean {
  return errorClass === 'PERMANENT' || errorClass === 'TOKEN_EXPIRED'
}

/** One of several may be at fault: each is sent by itself, as soon as there is a slot, and no retry is used up. */
function alone(error: ClassifiedError): Decision {
  return {
    next: 'wait',
    failure: { code: 'CHANNEL_ERROR', text: `${error.code} ${error.message}; sent alone next` },
    delayMs: 0,
  }
}

function together({ company }: EndedAttempt): string | undefined {
  return company && `sent together with ${company.others} ${company.others === 1 ? 'other' : 'others'}`
}

function quotaUseIn({ quotaUse }: EndedAttempt): { quotaUse?: QuotaUse } {
  return quotaUse ? { quotaUse } : {}
}

function withoutSecrets(text: string | null, { secrets }: EndedAttempt): string | null {
  return text === null ? null : redact(text, secrets)
}

/** One call is one observation, however many tasks it carried. */
function observe(
  { job, config, durationMs, company }: EndedAttempt,
  outcome: ErrorClass | 'SUCCESS',
  deps: DeliveryDependencies,
): void {
  if (company && !company.leads) return
  deps.metrics.providerRequest.observe({ channel: job.channelType, outcome: outcome.toLowerCase() }, durationMs / 1000)
  deps.circuits.note(config, outcome)
}

/** How long the provider's taking it took, from when it could have been sent. */
function countDelivery({ job, task }: EndedAttempt, { counts, now }: DeliveryDependencies): void {
  if (job.sendableSince === undefined) return
  const since = Math.max(job.sendableSince, task.retriedAt?.getTime() ?? 0)
  counts.delivered(job, Math.max(0, now() - since) / 1_000, job.held === true)
}

function timesOf({ startedAt, durationMs }: EndedAttempt) {
  return { at: new Date(startedAt).toISOString(), durationMs }
}
