import type { ChannelRegistry } from '@message-center/core/channels/registry.ts'
import type { SettingsSource } from '@message-center/core/configs/settings-source.ts'
import type { Acceptor } from '@message-center/core/messages/accept.ts'
import type { Queues } from '@message-center/core/queues/queues.ts'
import type { RedisConnection } from '@message-center/core/queues/redis.ts'
import type { Metrics } from '@message-center/core/telemetry/metrics.ts'
import type { Pool } from 'mysql2/promise'
import type { AdmissionOptions } from '../plugins/admission.ts'
import { createInHand } from './in-hand.ts'
import { readBacklog } from './read-backlog.ts'
import { createReservations } from './reservations.ts'
import { watchBacklog } from './watch-backlog.ts'

/** Admission of one process, the same for all its ports. */
export function buildAdmission(deps: {
  pool: Pool
  redis: RedisConnection
  queues: Queues
  registry: ChannelRegistry
  settings: SettingsSource
  acceptor: Acceptor
  metrics: Metrics
  warn(what: string): (error: unknown) => void
}) {
  const { metrics, settings, acceptor } = deps
  const sources = {
    ...deps,
    channelTypes: [...deps.registry.keys()],
    onRedisError: deps.warn('redis does not tell what waits; the database does'),
  }
  const inHand = createInHand()
  const backlog = watchBacklog(async () => {
    const seen = await readBacklog(sources)
    metrics.waitingMessages.set(seen.all.messages)
    metrics.waitingSeconds.set(seen.all.oldestSeconds)
    metrics.redisMemoryShare.set(seen.redisMemoryShare)
    metrics.inHandCalls.set(inHand.calls())
    metrics.inHandBytes.set(inHand.bytes())
    return seen
  }, deps.warn('what waits cannot be seen just now'))
  const options: AdmissionOptions = {
    settings,
    backlog,
    inHand,
    reservations: createReservations(),
    acceptor,
    onRefused: (reason) => metrics.refused.inc({ reason }),
  }
  return {
    options,
    /** What waits for a later `sendAt` has no job and waits for nothing of ours. */
    onAccepted(messages: readonly { tenantId: string; jobId: string | null }[]): void {
      const toSend = messages.filter(({ jobId }) => jobId !== null)
      for (const [tenantId, list] of Map.groupBy(toSend, (message) => message.tenantId))
        backlog.add(tenantId, list.length)
    },
    close: () => backlog.close(),
  }
}
