import type { SettingsSource } from '@message-center/core/configs/settings-source.ts'
import { isDatabaseUnavailable } from '@message-center/core/database/unavailable.ts'
import { createBatcher } from '@message-center/core/messages/batcher.ts'
import type { CallbackRef } from '@message-center/core/messages/becoming-final.ts'
import { type DispatchResult, dispatchMessages, type PlannedMessage } from '@message-center/core/messages/dispatch.ts'
import { type ChannelJob, channelJobOptions } from '@message-center/core/queues/jobs.ts'
import type { NewJob, Queues } from '@message-center/core/queues/queues.ts'
import type { Pool } from 'mysql2/promise'
import type { PipelineContext } from './context.ts'
import { plannedMessage } from './handlers/channel-dispatch.ts'

export interface DispatcherDependencies {
  pool: Pool
  queues: Queues
  settings: SettingsSource
  onEnqueueError(error: unknown, tasks: number): void
  /** Told of the callback of a message that failed on the way. */
  onCallbackDue(callback: CallbackRef): void
  /** Told how many messages one transaction dispatched. */
  onBatch(messages: number): void
}

type TaskJob = NewJob & { data: ChannelJob }

const MAX_BATCH = 200

/**
 * Stores what the pipeline decided and puts the tasks on their queues: what arrives while one transaction runs shares the
 * next, and one call per channel adds its jobs.
 */
export function createDispatcher(deps: DispatcherDependencies) {
  const { pool, queues, settings, onEnqueueError, onCallbackDue, onBatch } = deps
  const batcher = createBatcher<PlannedMessage, DispatchResult>({
    maxItems: MAX_BATCH,
    holderOf: ({ tenantId }) => tenantId,
    isolates: (error) => !isDatabaseUnavailable(error),
    flush(planned) {
      onBatch(planned.length)
      return dispatchMessages(pool, planned)
    },
  })
  const adding = createBatcher<TaskJob, void>({
    maxItems: MAX_BATCH,
    holderOf: ({ data }) => data.tenantId,
    async flush(jobs) {
      const byChannel = Map.groupBy(jobs, (job) => job.data.channelType)
      await Promise.all(
        [...byChannel].map(([channelType, list]) => queues.addFairly(queues.channel(channelType), list)),
      )
      return jobs.map(() => undefined)
    },
  })

  return async function dispatch(context: PipelineContext): Promise<void> {
    const { message } = context
    // Whoever dropped them: channels that do not send give back what the rate limit reserved for them.
    const failed = context.allChannels.filter((channel) => context.failure ?? channel.failure)
    await Promise.all(failed.map((channel) => channel.releaseSlot?.()))
    const defaults = await settings(message.tenantId)
    const result = await batcher.add(
      plannedMessage(context, (channel) => channel.config?.retry.max ?? defaults.retryMax),
    )
    context.dispatched = result
    if (!result.dispatched) {
      // Cancelled meanwhile, nothing of it will be sent; retried meanwhile, its next run reserves anew. Where another run was
      // faster its task has the slot; one that was reserved after that had left the line would be nobody's.
      const unused = ({ channelType }: { channelType: string }) =>
        result.superseded || result.begun.includes(channelType)
      await Promise.all(context.allChannels.filter(unused).map((channel) => channel.releaseSlot?.()))
      return
    }
    if (result.callback) onCallbackDue(result.callback)
    const jobs = result.tasks.map(({ taskId, channelType, configId, generation }): TaskJob => {
      const channel = context.allChannels.find((candidate) => candidate.channelType === channelType)
      return {
        name: message.messageId,
        data: {
          tenantId: message.tenantId,
          messageId: message.messageId,
          createTime: message.createTime,
          taskId,
          channelType,
          configId,
          changeNumber: message.changeNumber,
          sendableSince: sendableSince(message),
          ...(message.expiresAt ? { expiresAt: message.expiresAt.getTime() } : {}),
          ...(channel?.notBefore ? { held: true } : {}),
          ...(message.traceparent ? { traceparent: message.traceparent } : {}),
        },
        fair: { tenantId: message.tenantId, priority: message.priority },
        opts: channelJobOptions({
          taskId,
          generation,
          retries: channel?.config?.retry.max ?? defaults.retryMax,
          initialDelayMs: channel?.config?.retry.initialDelayMs ?? defaults.retryInitialDelayMs,
          // By the clock only where something holds it: a millisecond's delay waits until a consumer of the channel is there.
          delayMs: channel?.notBefore ? firstRunAt(channel.notBefore, message.expiresAt) - Date.now() : 0,
        }),
      }
    })
    // The tasks are committed: should Redis be away, the reconciler gives them their jobs.
    await Promise.all(jobs.map((job) => adding.add(job))).catch((error) => onEnqueueError(error, jobs.length))
  }
}

/** Epoch ms. What an operator has had tried again counts from then. */
function sendableSince({ acceptedAt, attributes, rerunChannels }: PipelineContext['message']): number {
  if (rerunChannels !== null) return Date.now()
  return attributes.sendAt ? Math.max(acceptedAt.getTime(), Date.parse(attributes.sendAt)) : acceptedAt.getTime()
}

/** Epoch ms. What expires before its time comes is looked at then, to say so. */
function firstRunAt(notBefore: Date, expiresAt: Date | null): number {
  return Math.min(notBefore.getTime(), expiresAt?.getTime() ?? Number.POSITIVE_INFINITY)
}
