import type { ChannelRegistry } from '@message-center/core/channels/registry.ts'
import type { Circuits } from '@message-center/core/circuits/circuits.ts'
import type { CandidateSource } from '@message-center/core/configs/candidates.ts'
import type { SettingsSource } from '@message-center/core/configs/settings-source.ts'
import type { ConfigChanges } from '@message-center/core/configs/watch-changes.ts'
import type { TaskOutcome } from '@message-center/core/messages/record-outcomes.ts'
import type { ChannelJob } from '@message-center/core/queues/jobs.ts'
import type { ConfigLimits } from '@message-center/core/quota/config-limits.ts'
import type { RateLimiter } from '@message-center/core/rate-limit/rate-limiter.ts'
import type { Cipher } from '@message-center/core/secrets/cipher.ts'
import type { MessageCounts } from '@message-center/core/telemetry/message-counts.ts'
import type { Metrics } from '@message-center/core/telemetry/metrics.ts'
import type { Pool } from 'mysql2/promise'
import type { AttemptDependencies } from './attempt.ts'
import type { TaskWriter } from './task-writer.ts'
import type { JobWaker } from './wake-jobs.ts'

/** What the queue has to do with the job after one run of it. */
export type Verdict =
  | { queue: 'complete'; note: string }
  /** BullMQ's own backoff. */
  | { queue: 'retry'; reason: string }
  /** The same attempt at a later time (epoch ms); no retry is used up. `held`: it waits on purpose. */
  | { queue: 'postpone'; until: number; held?: true }
  | { queue: 'fail'; reason: string }

/** What one delivery leads to: whoever had the task may not have come back, then it is run in quarantine, with others or alone. */
export type Delivery = Verdict | { queue: 'quarantine'; alone: boolean }

/** Asks later what became of a message that a provider has taken. Never rejects: the message is sent, come what may. */
export type ResultChecks = (job: ChannelJob, afterMs: number) => Promise<void>

export interface DeliveryDependencies extends AttemptDependencies {
  pool: Pool
  registry: ChannelRegistry
  changes: Pick<ConfigChanges, 'caughtUp'>
  configs: CandidateSource
  settings: SettingsSource
  cipher: Cipher
  limiter: RateLimiter
  limitOf: ConfigLimits
  circuits: Pick<Circuits, 'note'>
  writer: TaskWriter
  metrics: Metrics
  counts: MessageCounts
  wake: JobWaker
  checkResultLater: ResultChecks
  /** What this process signs its claims with in quarantine; null in a worker. */
  holder: string | null
  /** How long a task of a tenant whose sending is paused waits before it looks again. */
  nextPauseLookMs(): number
  /** Epoch ms. */
  now(): number
}

type Outcome = Omit<TaskOutcome, 'taskId' | 'createTime' | 'token'>

const NOTHING: Omit<Outcome, 'status'> = {
  retryCount: null,
  nextRetryTime: null,
  errorCode: null,
  resultMessage: null,
  thirdPartyResponse: null,
  providerMessageId: null,
  attempts: null,
}

/** Records an outcome for the holder of the claim `token`; what `fields` leave out stays, or is cleared. */
export async function record(
  deps: DeliveryDependencies,
  job: ChannelJob,
  token: string | null,
  fields: Partial<Outcome> & Pick<Outcome, 'status'>,
): Promise<void> {
  const { taskId, createTime } = job
  await deps.writer.record({ ref: job, taskId, createTime, token, ...NOTHING, ...fields })
  if (fields.status === 'SUCCESS') deps.counts.taskFinished(job, 'SUCCESS')
  if (fields.status === 'FAILED') deps.counts.taskFinished(job, fields.errorCode ?? 'CHANNEL_ERROR')
}
