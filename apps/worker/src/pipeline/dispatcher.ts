import type { SettingsSource } from '@message-center/core/configs/settings-source.ts'
import { createBatcher } from '@message-center/core/messages/batcher.ts'
import { type DispatchResult, dispatchMessages, type PlannedMessage } from '@message-center/core/messages/dispatch.ts'
import { type ChannelJob, channelJobOptions } from '@message-center/core/queues/jobs.ts'
import type { Queues } from '@message-center/core/queues/queues.ts'
import type { Pool } from 'mysql2/promise'
import type { PipelineContext } from './context.ts'
import { plannedMessage } from './handlers/channel-dispatch.ts'

export interface DispatcherDependencies {
  pool: Pool
  queues: Queues
  settings: SettingsSource
  onEnqueueError(error: unknown, tasks: number): void
}

type NewJob = { channelType: string; name: string; data: ChannelJob; opts: ReturnType<typeof channelJobOptions> }

const MAX_BATCH = 200

/**
 * Stores what the pipeline decided and puts the tasks on their queues: what arrives while one transaction runs shares the
 * next, and one call per channel adds its jobs.
 */
export function createDispatcher({ pool, queues, settings, onEnqueueError }: DispatcherDependencies) {
  const batcher = createBatcher<PlannedMessage, DispatchResult>({
    maxItems: MAX_BATCH,
    flush: (planned) => dispatchMessages(pool, planned),
  })
  const adding = createBatcher<NewJob, void>({
    maxItems: MAX_BATCH,
    async flush(jobs) {
      const byChannel = Map.groupBy(jobs, (job) => job.channelType)
      await Promise.all([...byChannel].map(([channelType, list]) => queues.channel(channelType).addBulk(list)))
      return jobs.map(() => undefined)
    },
  })

  return async function dispatch(context: PipelineContext): Promise<void> {
    const { message } = context
    // A message that failed before its channels were looked up still gets one failed task per channel.
    await context.loadChannels()
    const defaults = await settings(message.tenantId)
    const result = await batcher.add(
      plannedMessage(context, (channel) => channel.config?.retry.max ?? defaults.retryMax),
    )
    context.dispatched = result
    if (!result.dispatched) return
    const now = Date.now()
    const jobs = result.tasks.map((task): NewJob => {
      const channel = context.allChannels.find((candidate) => candidate.channelType === task.channelType)
      return {
        channelType: task.channelType,
        name: message.messageId,
        data: {
          tenantId: message.tenantId,
          messageId: message.messageId,
          createTime: message.createTime,
          ...task,
          ...(message.expiresAt ? { expiresAt: message.expiresAt.getTime() } : {}),
        },
        opts: channelJobOptions({
          taskId: task.taskId,
          generation: 0,
          priority: message.priority,
          retries: channel?.config?.retry.max ?? defaults.retryMax,
          initialDelayMs: channel?.config?.retry.initialDelayMs ?? defaults.retryInitialDelayMs,
          delayMs: (channel?.notBefore?.getTime() ?? now) - now,
        }),
      }
    })
    // The tasks are committed: should Redis be away, the reconciler gives them their jobs.
    await Promise.all(jobs.map((job) => adding.add(job))).catch((error) => onEnqueueError(error, jobs.length))
  }
}
