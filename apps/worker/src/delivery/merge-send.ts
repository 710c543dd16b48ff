import { createHash } from 'node:crypto'
import { secretsIn } from '@message-center/core/configs/channel-config-secrets.ts'
import { advanceLine } from './advance-line.ts'
import { send, taskKey } from './attempt.ts'
import { type Companion, partOf } from './merge-company.ts'
import { type MergeableType, mergeParts } from './merge-content.ts'
import { createProgress } from './progress.ts'
import { type EndedAttempt, quotaUseOf, recordFailure, recordSuccess } from './record-attempt.ts'
import type { Sending } from './sending.ts'
import type { DeliveryDependencies, Verdict } from './verdict.ts'

/**
 * Sends a task and its company as one message, and records for each what came of it. Where the provider refuses the
 * message for good, which may be the fault of one of them, each goes alone from then on.
 * @returns the verdict on the leader's job; the others' come later and find theirs recorded
 */
export async function sendTogether(
  leader: Sending,
  company: readonly Companion[],
  deps: DeliveryDependencies,
): Promise<Verdict> {
  const { job, config, settings, adapter, claim, start, initialDelayMs } = leader
  const members = [
    ...company.filter(({ isBefore }) => isBefore),
    { job, claim },
    ...company.filter(({ isBefore }) => !isBefore),
  ]
  const messageType = claim.task.messageType as MergeableType
  const { renderedContent, recipients } = mergeParts(
    messageType,
    members.map(({ claim: { task } }) => partOf(task)),
  )
  const startedAt = deps.now()
  const stopwatch = performance.now()
  const result = await send(
    {
      job,
      config,
      settings,
      adapter,
      task: { ...claim.task, renderedContent, recipients },
      // A merged message takes one call: there is nothing of it to go on with later, least of all for another one.
      progress: createProgress(null, async () => undefined),
      idempotencyKey: keyOf(members.map((member) => taskKey(member.job))),
    },
    deps,
  ).then(
    (outcome) => ({ outcome }),
    (error: unknown) => ({ error }),
  )
  deps.limiter.settle(start)
  const durationMs = performance.now() - stopwatch
  const others = company.map((member) => member.job)
  deps.traces?.wentAlong(others, startedAt, durationMs, 'error' in result)
  const secrets = secretsIn(settings, adapter.secretFields)
  const [verdict] = await Promise.all(
    [{ job, claim }, ...company].map((member) => {
      const leads = member.job === job
      const company = { others: members.length - 1, leads }
      const call = { config, initialDelayMs, secrets, startedAt, durationMs }
      const ended: EndedAttempt = { job: member.job, ...member.claim, ...call, company }
      if (leads) Object.assign(ended, quotaUseOf(start, claim))
      return 'error' in result ? recordFailure(result.error, ended, deps) : recordSuccess(result.outcome, ended, deps)
    }),
  )
  deps.metrics.mergedTasks.inc({ channel: job.channelType }, company.length)
  if ('error' in result) await wakeCompany(company, deps)
  // Those who are left in line have fewer before them now.
  await advanceLine(config, deps)
  return verdict as Verdict
}

/** Their jobs are delayed to the slots that they had; now their rows say when they are due. */
async function wakeCompany(company: readonly Companion[], deps: DeliveryDependencies): Promise<void> {
  const channelType = company[0]?.job.channelType ?? ''
  await deps.wake(
    channelType,
    company.map(({ job, generation }) => ({ taskId: job.taskId, generation, at: deps.now() })),
  )
}

/** The same for the same set of tasks, and for no other. */
function keyOf(taskKeys: readonly string[]): string {
  return `mc-${createHash('sha256').update(taskKeys.toSorted().join(',')).digest('hex').slice(0, 40)}`
}
