import type { CandidateConfig } from '@message-center/core/configs/candidates.ts'
import { openSettings, secretsIn } from '@message-center/core/configs/channel-config-secrets.ts'
import { describeWindow, nextOpening } from '@message-center/core/configs/time-window.ts'
import { poisonedText } from '@message-center/core/messages/interruptions.ts'
import { type Failure, resultMessage } from '@message-center/core/messages/outcome.ts'
import type { ChannelJob } from '@message-center/core/queues/jobs.ts'
import { reservationKey } from '@message-center/core/rate-limit/reservation-key.ts'
import { logFieldsOf } from '../message-log.ts'
import { send } from './attempt.ts'
import { type ClaimedByUs, claimTask } from './claim.ts'
import { lookAt } from './look.ts'
import { type Companion, gatherCompany } from './merge-company.ts'
import { sendTogether } from './merge-send.ts'
import { createProgress } from './progress.ts'
import { type EndedAttempt, quotaUseOf, recordFailure, recordSuccess } from './record-attempt.ts'
import type { Sending } from './sending.ts'
import { type Delivery, type DeliveryDependencies, record, type Verdict } from './verdict.ts'

/** Shorter waits are over before anybody could read of them. */
const VISIBLE_WAIT_MS = 2_000

/**
 * One run of a task's job: waits for its time window and its rate-limit slot, claims the task in MySQL, sends, records the
 * outcome. Resolves only after the outcome is committed.
 * @throws only on a fault of the system (database or Redis away)
 */
export async function deliver(job: ChannelJob, deps: DeliveryDependencies): Promise<Delivery> {
  const adapter = deps.registry.get(job.channelType)?.adapter
  if (!adapter) return refuse(job, deps, noAdapter(job))
  await deps.changes.caughtUp(job.changeNumber)
  const config = await deps.configs.config(job.tenantId, job.configId)
  if (!config) return refuse(job, deps, noConfig(job))
  const notNow = await whyNotNow(job, config, deps)
  if (notNow) {
    await giveUpSlot(job, config, deps)
    return 'until' in notNow ? waitUntil(notNow.until, job, deps) : refuse(job, deps, notNow)
  }
  // Before anything is taken: without the right key the task must stay as it is.
  const settings = openSettings(deps.cipher, config)
  const takeOver = config.unknownOutcomePolicy === 'FAIL'
  const { retryInitialDelayMs } = await deps.settings(job.tenantId)
  const initialDelayMs = config.retry.initialDelayMs ?? retryInitialDelayMs
  const look = config.overflowPolicy === 'REJECT' ? { waited: false } : await lookAt(job, deps, { takeOver })
  if ('verdict' in look) {
    if (look.ended) await giveUpSlot(job, config, deps)
    return look.verdict
  }
  const start = await deps.limiter.start(reservationKey(job), await deps.limitOf(config))
  if (!start.go && start.quotaUsed) {
    deps.metrics.rateLimitRejections.inc({ channel: job.channelType })
    return refuse(job, deps, outOfQuota(config))
  }
  if (!start.go) {
    const waitMs = Math.max(1, start.slotAt - start.now)
    deps.metrics.rateLimitWait.observe({ channel: job.channelType }, waitMs / 1_000)
    return waitUntil(deps.now() + waitMs, job, deps)
  }
  const claim = await claimTask(job, deps, { takeOver }).catch((error: unknown) => {
    deps.limiter.giveBack(start)
    throw error
  })
  const end = 'token' in claim && claim.abandoned ? whyNotAgain(claim, takeOver) : null
  if ('verdict' in claim || end) deps.limiter.giveBack(start)
  if ('verdict' in claim) return claim.verdict
  if (end) return giveUp({ job, claim, start }, end, deps)
  const sending = { job, config, settings, adapter, claim, start, initialDelayMs }
  const company = config.overflowPolicy === 'MERGE' && look.waited ? await companyOf(sending, deps) : []
  if ([sending, ...company].some((held) => isTooLate(held.claim))) return letGo(sending, company, deps)
  return company.length > 0 ? sendTogether(sending, company, deps) : attempt(sending, deps)
}

/** The slot that a task has reserved is for others. */
async function giveUpSlot(job: ChannelJob, config: CandidateConfig, deps: DeliveryDependencies): Promise<void> {
  await deps.limiter.release(reservationKey(job), { configId: config.id, ...config.rateLimit })
}

/** The task is claimed: whatever is amiss with the others, it is sent. */
function companyOf(sending: Sending, deps: DeliveryDependencies): Promise<Companion[]> {
  return gatherCompany(sending, deps).catch((error: unknown) => {
    const log = { ...logFieldsOf(sending.job), configId: sending.config.id }
    deps.logger.warn({ ...log, err: error }, 'nobody could be taken along; sent alone')
    return []
  })
}

/** The process stood still, or MySQL took its time: before a send was over, somebody else could take the task. */
function isTooLate({ sendBy }: ClaimedByUs): boolean {
  return performance.now() > sendBy
}

/** Nothing was sent. What is abandoned stays so: its lease ends, and who takes it over knows of the doubt. */
async function letGo(
  { start, ...leader }: Sending,
  company: readonly Companion[],
  deps: DeliveryDependencies,
): Promise<Verdict> {
  deps.limiter.giveBack(start)
  const ours = [leader, ...company].filter(({ claim }) => !claim.abandoned)
  await Promise.all(ours.map(({ job, claim }) => record(deps, job, claim.token, { status: 'PENDING' })))
  return { queue: 'postpone', until: deps.now() }
}

/** Only what `send` itself throws is a failed send; what fails afterwards must not let the message go out again. */
async function attempt({ start, claim, ...call }: Sending, deps: DeliveryDependencies): Promise<Verdict> {
  const startedAt = deps.now()
  const stopwatch = performance.now()
  const { taskId, createTime } = call.job
  const progress = createProgress(claim.task.progress, (json) =>
    deps.writer.saveProgress({ taskId, createTime, token: claim.token, progress: json }),
  )
  const result = await send({ ...call, task: claim.task, progress }, deps).then(
    (outcome) => ({ outcome }),
    (error: unknown) => ({ error }),
  )
  deps.limiter.settle(start)
  const durationMs = performance.now() - stopwatch
  // MySQL may be slow, and the send be over: what has gone out must be known before the claim, by which it is saved, ends.
  if ('error' in result) await progress.settled()
  const { job, config, initialDelayMs } = call
  const secrets = secretsIn(call.settings, call.adapter.secretFields)
  const quotaUse = quotaUseOf(start, claim)
  const ended: EndedAttempt = { job, config, ...claim, initialDelayMs, secrets, startedAt, durationMs, ...quotaUse }
  return 'error' in result ? recordFailure(result.error, ended, deps) : recordSuccess(result.outcome, ended, deps)
}

/** Why a task must not be sent at this moment: for good, or until a time (epoch ms). */
async function whyNotNow(
  job: ChannelJob,
  config: CandidateConfig,
  deps: DeliveryDependencies,
): Promise<Failure | { until: number } | null> {
  const now = deps.now()
  if (job.expiresAt !== undefined && job.expiresAt <= now) {
    return { code: 'EXPIRED', text: `not sent by ${new Date(job.expiresAt).toISOString()}` }
  }
  const { timeZone, sendingPaused } = await deps.settings(job.tenantId)
  if (sendingPaused) return { until: now + deps.nextPauseLookMs() }
  if (!config.timeWindow) return null
  // The pipeline looked when the message came; a retry, or a wait for a slot, may last until after closing time.
  const until = nextOpening(config.timeWindow, new Date(now), timeZone).getTime()
  if (until <= now) return null
  if (config.timeWindow.policy === 'DEFER') return { until }
  return { code: 'OUTSIDE_TIME_WINDOW', text: describeWindow(config.channelName, config.timeWindow, timeZone) }
}

/** The same attempt later, but not after the message has expired: then it has to be said so. */
async function waitUntil(time: number, job: ChannelJob, deps: DeliveryDependencies): Promise<Verdict> {
  const until = Math.min(time, job.expiresAt ?? time)
  if (until - deps.now() >= VISIBLE_WAIT_MS) {
    await deps.writer.postpone({ taskId: job.taskId, createTime: job.createTime, until: new Date(until) })
  }
  return { queue: 'postpone', until, held: true }
}

/** Ends a task without sending it. */
async function refuse(job: ChannelJob, deps: DeliveryDependencies, failure: Failure): Promise<Delivery> {
  const claim = await claimTask(job, deps, { early: true })
  if ('verdict' in claim) return claim.verdict
  const text = claim.abandoned ? `${failure.text}; whether an earlier attempt arrived is not known` : failure.text
  const reason = resultMessage({ ...failure, text })
  await record(deps, job, claim.token, { status: 'FAILED', errorCode: failure.code, resultMessage: reason })
  return { queue: 'fail', reason }
}

/**
 * Somebody was sending and did not come back. Why it is not risked a second time: the config says so, or an operator who
 * cancelled, or the count of those who did not come back. null = it is.
 */
function whyNotAgain({ task, poisoned }: ClaimedByUs, neverResend: boolean): Failure | null {
  const text = 'the sender stopped in the middle; whether the message arrived is not known'
  if (task.cancelled) return { code: 'CANCELLED', text }
  if (poisoned) return { code: 'POISONED', text: `${poisonedText(task)}; whether the message arrived is not known` }
  return neverResend ? { code: 'CHANNEL_ERROR', text } : null
}

async function giveUp(
  { job, claim, start }: Pick<Sending, 'job' | 'claim' | 'start'>,
  failure: Failure,
  deps: DeliveryDependencies,
): Promise<Verdict> {
  const reason = resultMessage(failure)
  if (failure.code === 'POISONED') deps.metrics.poisoned.inc({ stage: job.channelType })
  await record(deps, job, claim.token, {
    status: 'FAILED',
    errorCode: failure.code,
    resultMessage: reason,
    // The send of the one that stopped; there is none now.
    ...quotaUseOf(start, { abandoned: false }),
  })
  return { queue: 'fail', reason }
}

function outOfQuota({ channelName, monthlyQuota }: CandidateConfig): Failure {
  return { code: 'RATE_LIMITED', text: `'${channelName}' has used up its ${monthlyQuota} sends of this month` }
}

function noAdapter({ channelType }: ChannelJob): Failure {
  return { code: 'VALIDATION_FAILED', text: `no adapter is loaded for ${channelType}` }
}

function noConfig({ configId }: ChannelJob): Failure {
  return { code: 'CHANNEL_NOT_CONFIGURED', text: `channel config ${configId} was deleted` }
}
