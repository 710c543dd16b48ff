import type { Pool } from 'mysql2/promise'
import type { Counter, Histogram } from 'prom-client'
import type { SettingsSource } from '../configs/settings-source.ts'
import { PLATFORM_TENANT } from '../contracts/caller.ts'
import type { MessageStatus } from '../contracts/messages.ts'
import type { Metrics } from './metrics.ts'
import { createTenantClasses } from './tenant-classes.ts'

/** Counts what becomes of messages and tasks, for all and by tenant. */
export interface MessageCounts {
  accepted(messages: readonly { tenantId: string }[]): void
  finished(tenantId: string, status: MessageStatus): void
  /** @param outcome `SUCCESS`, or the code of the failure */
  taskFinished(task: { tenantId: string; channelType: string }, outcome: string): void
  /** @param held it waited on purpose, for a time window or a rate limit */
  delivered(task: { tenantId: string; channelType: string }, seconds: number, held: boolean): void
  /** Takes no more note of who is busy. */
  stop(): void
}

/**
 * The counts of a process.
 * @param onError hears of it where the busiest tenants cannot be read
 */
export function createMessageCounts(
  metrics: Metrics,
  deps: { pool: Pool; settings: SettingsSource; onError(error: unknown): void },
): MessageCounts {
  const { pool, settings, onError } = deps
  const { classOf, stop } = createTenantClasses({
    pool,
    most: async () => (await settings(PLATFORM_TENANT)).metricsTenants,
    onLeave: (tenants) => void forgetTenants(metrics, tenants).catch(onError),
    onError,
  })
  return {
    stop,
    accepted(messages) {
      metrics.messagesAccepted.inc(messages.length)
      const byTenant = Map.groupBy(messages, ({ tenantId }) => classOf(tenantId))
      for (const [tenant, { length }] of byTenant) metrics.tenantMessagesAccepted.inc({ tenant }, length)
    },
    finished(tenantId, status) {
      metrics.messagesFinished.inc({ status })
      metrics.tenantMessagesFinished.inc({ tenant: classOf(tenantId), status })
    },
    taskFinished({ tenantId, channelType: channel }, code) {
      const outcome = code.toLowerCase()
      metrics.tasksFinished.inc({ channel, outcome })
      metrics.tenantTasksFinished.inc({ tenant: classOf(tenantId), channel, outcome })
    },
    delivered({ tenantId, channelType: channel }, seconds, held) {
      metrics.deliverySeconds.observe({ channel, held: held ? 'yes' : 'no' }, seconds)
      if (!held) metrics.tenantDeliverySeconds.observe({ tenant: classOf(tenantId) }, seconds)
    },
  }
}

/** What a tenant had while it was named goes; it counts among the others from now on. */
async function forgetTenants(metrics: Metrics, tenants: readonly string[]): Promise<void> {
  const { tenantMessagesAccepted, tenantMessagesFinished, tenantTasksFinished, tenantDeliverySeconds } = metrics
  const ofTenants = [tenantMessagesAccepted, tenantMessagesFinished, tenantTasksFinished, tenantDeliverySeconds]
  await Promise.all(ofTenants.map((metric) => removeSeries(metric, tenants)))
}

async function removeSeries(metric: Counter | Histogram, tenants: readonly string[]): Promise<void> {
  const { values } = await metric.get()
  for (const { labels } of values) {
    // `le` is the histogram's own.
    const { le: _, ...own } = labels as Record<string, string | number>
    if (tenants.includes(String(own.tenant))) metric.remove(own)
  }
}
