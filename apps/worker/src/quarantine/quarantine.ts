import { noteMessageCrash, noteTaskCrash, type ProcessEnd } from '@message-center/core/messages/interruptions.ts'
import type { MessageRef } from '@message-center/core/messages/message-ref.ts'
import type { ChannelJob } from '@message-center/core/queues/jobs.ts'
import { addCounts } from '@message-center/core/telemetry/counts.ts'
import type { Logger } from '@message-center/core/telemetry/logger.ts'
import type { Metrics } from '@message-center/core/telemetry/metrics.ts'
import type { Pool } from 'mysql2/promise'
import type { Verdict } from '../delivery/verdict.ts'
import { type Child, ChildDied, startChild } from './child.ts'
import { createGate } from './gate.ts'
import type { Work } from './protocol.ts'

/** Suspects that are run together: most of them have nothing to do with it, and a provider may be slow. */
const TOGETHER = 16
/** More than this wait in the queue, so that they take no slots from others. */
const MAX_WAITING = 64
const COME_AGAIN_MS = 1_000
/** Long enough to come from one suspect to the next, however they arrive. */
const IDLE_MS = 30_000

/** Runs what may have ended its process, in a process of its own (docs/adr/0028). */
export interface Quarantine {
  /** @throws Error on a fault of the system */
  deliver(job: ChannelJob, options: { alone: boolean }): Promise<Verdict>
  /** Runs the pipeline for a message. @throws Error on a fault of the system, and where its process died: it has to come again */
  run(message: MessageRef, options: { alone: boolean }): Promise<void>
  /** Breaks off the sends under way. */
  abort(): void
  /** Takes nothing more; resolves when the process has ended. */
  stop(): Promise<void>
}

export function createQuarantine(deps: { pool: Pool; metrics: Metrics; logger: Logger }): Quarantine {
  const { pool, metrics, logger } = deps
  const gate = createGate(TOGETHER)
  let child: Child | undefined
  let busy = 0
  let idle: NodeJS.Timeout | undefined
  let stopping = false

  function living(): Child {
    if (!child || child.gone) child = startChild((counts) => addCounts(metrics.registry, counts))
    return child
  }

  /** @returns what it came to, or how the process ended that was at it */
  async function watch(work: Work, alone: boolean): Promise<{ verdict: Verdict | null } | { end: ProcessEnd }> {
    if (stopping) throw new Error('this worker stops')
    clearTimeout(idle)
    busy += 1
    const { holder, ask } = living()
    const startedAt = new Date()
    try {
      const verdict = await ask(work)
      metrics.quarantineRuns.inc({ outcome: 'ended' })
      return { verdict }
    } catch (error) {
      if (!(error instanceof ChildDied)) throw error
      metrics.quarantineRuns.inc({ outcome: 'crashed' })
      const durationMs = Date.now() - startedAt.getTime()
      return { end: { holder, alone, reason: error.message, startedAt, durationMs } }
    } finally {
      busy -= 1
      if (busy === 0) idle = setTimeout(() => void child?.stop(), IDLE_MS).unref()
    }
  }

  const told = ({ tenantId, messageId }: MessageRef, { reason, alone }: ProcessEnd) =>
    logger[alone ? 'error' : 'warn']({ tenantId, messageId, reason, alone }, 'a quarantine process died')

  return {
    async deliver(job, { alone }) {
      if (gate.waiting() >= MAX_WAITING) return { queue: 'postpone', until: Date.now() + COME_AGAIN_MS }
      const result = await gate.pass(alone, () => watch({ kind: 'deliver', job }, alone))
      if ('verdict' in result && result.verdict) return result.verdict
      if ('end' in result) {
        told(job, result.end)
        await noteTaskCrash(pool, job, result.end)
      }
      return { queue: 'postpone', until: Date.now() }
    },
    async run({ tenantId, messageId, createTime }, { alone }) {
      const message = { tenantId, messageId, createTime }
      const result = await gate.pass(alone, () => watch({ kind: 'run', message }, alone))
      if (!('end' in result)) return
      told(message, result.end)
      await noteMessageCrash(pool, message, result.end)
      throw new Error(`message ${messageId}: ${result.end.reason}`)
    },
    abort: () => child?.abort(),
    async stop() {
      stopping = true
      clearTimeout(idle)
      await child?.stop()
    },
  }
}
