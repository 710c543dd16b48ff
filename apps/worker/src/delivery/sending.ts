import type { ChannelAdapter } from '@message-center/core/channels/adapter.ts'
import type { CandidateConfig } from '@message-center/core/configs/candidates.ts'
import type { ChannelJob } from '@message-center/core/queues/jobs.ts'
import type { Started } from '@message-center/core/rate-limit/rate-limiter.ts'
import type { ClaimedByUs } from './claim.ts'

/** A task that holds its slot and its claim: only the send is left. */
export interface Sending {
  job: ChannelJob
  config: CandidateConfig
  settings: Record<string, unknown>
  adapter: ChannelAdapter
  claim: ClaimedByUs
  start: Started
  /** Of the retries. Known before the send: what comes of that is recorded whatever the database tells by then. */
  initialDelayMs: number
}
