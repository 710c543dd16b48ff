import type { MessageRef } from '@message-center/core/messages/message-ref.ts'
import type { ChannelJob } from '@message-center/core/queues/jobs.ts'
import type { Count } from '@message-center/core/telemetry/counts.ts'
import type { Verdict } from '../delivery/verdict.ts'

/** What a quarantine process is asked to do. */
export type Work = { kind: 'deliver'; job: ChannelJob } | { kind: 'run'; message: MessageRef }

/** To a quarantine process. `abort` breaks off the sends under way: their outcome is not known. */
export type Order = { id: number; work: Work } | { abort: true }

/** From a quarantine process. `verdict` answers a `deliver`; `fault` is one of the system, not of what was run. */
export type Report = { ready: true } | { id: number; verdict: Verdict | null; fault: string | null; counts: Count[] }
