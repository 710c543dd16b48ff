import type { SendOutcome } from '@message-center/core/channels/adapter.ts'
import type { ChannelJob } from '@message-center/core/queues/jobs.ts'
import { channelQueue } from '@message-center/core/queues/names.ts'
import { MESSAGE_ID, type SpanAttributes, TENANT_ID, type Tracing } from '@message-center/core/telemetry/tracing.ts'
import { classify } from '../delivery/outcome.ts'

/** The hooks of the delivery side. Each runs its work in a span of the message's trace; a message without one just runs. */
export interface DeliveryTraces {
  /** One run of a task's job. */
  run<V extends ToldVerdict>(job: { data: ChannelJob; attemptsStarted: number }, work: () => Promise<V>): Promise<V>
  /** One send through an adapter. */
  send(job: ChannelJob, work: () => Promise<SendOutcome>): Promise<SendOutcome>
  /** Other tasks went out with that send: each has it noted in its own message's trace. */
  wentAlong(jobs: readonly ChannelJob[], startedAt: number, durationMs: number, failed: boolean): void
  /** Something later about a message: asking for its result, telling of its status. */
  afterwards<T>(name: string, place: Place, work: () => Promise<T>): Promise<T>
}

/** What is told of a verdict. */
interface ToldVerdict {
  queue: string
  note?: string
  reason?: string
  until?: number
}

interface Place {
  tenantId: string
  messageId: string
  traceparent?: string | null
}

/**
 * A task may look many times whether it may go, in hours of waiting for a slot: after this many runs only those in which
 * something is sent or decided are told.
 */
const TOLD_RUNS = 10

export function createDeliveryTraces(tracing: Tracing): DeliveryTraces {
  /** Runs in which something was sent. */
  const sending = new Set<string>()
  return {
    run(job, work) {
      const { traceparent, channelType, taskId, configId } = job.data
      if (!traceparent) return work()
      const attributes = {
        ...placeAttributes(job.data),
        'messaging.system': 'bullmq',
        'messaging.destination.name': channelQueue(channelType),
        'messaging.operation.type': 'process',
        'message_center.channel': channelType,
        'message_center.task_id': taskId,
        'message_center.config_id': configId,
        'message_center.run': job.attemptsStarted,
      }
      const spec = { name: `deliver ${channelType}`, kind: 'consumer' as const, parent: traceparent, attributes }
      return tracing.within(spec, async (span) => {
        try {
          const verdict = await work()
          span.set(verdictAttributes(verdict))
          if (verdict.reason !== undefined) span.fail(verdict.reason)
          const isLook = verdict.queue === 'postpone' && !sending.has(taskId)
          if (isLook && job.attemptsStarted > TOLD_RUNS) span.discard()
          return verdict
        } finally {
          sending.delete(taskId)
        }
      })
    },
    send(job, work) {
      if (!job.traceparent) return work()
      sending.add(job.taskId)
      const attributes = { ...placeAttributes(job), 'message_center.channel': job.channelType }
      return tracing.within({ name: `send ${job.channelType}`, attributes }, async (span) => {
        try {
          return await work()
        } catch (error) {
          span.set({ 'message_center.error_class': classify(error).errorClass })
          throw error
        }
      })
    },
    wentAlong(jobs, startedAt, durationMs, failed) {
      const link = tracing.current()
      for (const job of jobs) {
        if (!job.traceparent) continue
        const attributes = {
          ...placeAttributes(job),
          'message_center.channel': job.channelType,
          'message_center.failed': failed,
        }
        tracing.record(
          { name: `send ${job.channelType} together`, parent: job.traceparent, link, attributes },
          startedAt,
          durationMs,
        )
      }
    },
    afterwards(name, place, work) {
      if (!place.traceparent) return work()
      const spec = { name, kind: 'consumer' as const, parent: place.traceparent, attributes: placeAttributes(place) }
      return tracing.within(spec, work)
    },
  }
}

function placeAttributes({ tenantId, messageId }: Place): SpanAttributes {
  return { [TENANT_ID]: tenantId, [MESSAGE_ID]: messageId }
}

/** Texts of verdicts stand in the task's row, and hold no secret. */
function verdictAttributes({ queue, note, until }: ToldVerdict): SpanAttributes {
  return {
    'message_center.verdict': queue,
    'message_center.detail': note,
    'message_center.until': until === undefined ? undefined : new Date(until).toISOString(),
  }
}
