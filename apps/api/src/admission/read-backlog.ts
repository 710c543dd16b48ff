import { countWaiting } from '@message-center/core/messages/count-waiting.ts'
import type { Queues } from '@message-center/core/queues/queues.ts'
import { readQueue } from '@message-center/core/queues/read-queue.ts'
import type { RedisConnection } from '@message-center/core/queues/redis.ts'
import { redisMemoryShare } from '@message-center/core/queues/redis-memory.ts'
import type { Pool } from 'mysql2/promise'

/** What waits, of one tenant or of all. */
export interface Waiting {
  messages: number
  /** How long the longest waiting has waited; 0 where none waits. */
  oldestSeconds: number
}

/** What waits in the whole system, by one look. */
export interface Backlog {
  /** `oldestSeconds` is that of the pipeline, which all share: a channel that is slow is the matter of those who use it. */
  all: Waiting
  tenants: ReadonlyMap<string, Waiting>
  /** Used share of what Redis may use; 0 where it has no limit or does not answer. */
  redisMemoryShare: number
}

/** Among so many next jobs of a queue the oldest of each tenant is looked for: in the fair order it stands in front. */
const SAMPLE = 200

export interface BacklogSources {
  pool: Pool
  redis: RedisConnection
  queues: Queues
  channelTypes: readonly string[]
  /** Told where Redis does not answer; what MySQL tells is enough to go on. */
  onRedisError(error: unknown): void
}

/**
 * One statement, and one Redis command per channel. MySQL counts, for it knows every message, with or without a job.
 * @throws what MySQL throws
 */
export async function readBacklog(sources: BacklogSources): Promise<Backlog> {
  const now = new Date()
  const [counts, inRedis] = await Promise.all([countWaiting(sources.pool, now), readRedis(sources)])
  const tenants = new Map<string, Waiting>()
  const all = { messages: 0, oldestSeconds: 0 }
  const age = (since: number | null | undefined) => Math.max(0, (now.getTime() - (since ?? now.getTime())) / 1000)
  for (const { tenantId, messages, waitingSince } of counts) {
    const oldestSeconds = Math.max(age(waitingSince), age(inRedis.since.get(tenantId)))
    tenants.set(tenantId, { messages, oldestSeconds })
    all.messages += messages
    all.oldestSeconds = Math.max(all.oldestSeconds, age(waitingSince))
  }
  return { all, tenants, redisMemoryShare: inRedis.memoryShare }
}

const TOLD_NOTHING = { memoryShare: 0, since: new Map<string, number>() }

async function readRedis({ redis, queues, channelTypes, onRedisError }: BacklogSources) {
  // The first look of a process comes before its connection, and nothing is wrong about that.
  if (redis.status === 'connecting') return TOLD_NOTHING
  try {
    const [memoryShare, ...readings] = await Promise.all([
      redisMemoryShare(redis),
      ...channelTypes.map((type) => readQueue(redis, queues.channel(type), SAMPLE)),
    ])
    return { memoryShare, since: waitingSince(readings.flatMap(({ next }) => next)) }
  } catch (error) {
    onRedisError(error)
    return TOLD_NOTHING
  }
}

/** Since when each tenant's longest waiting job waits. What was taken before and given back waits for something else. */
function waitingSince(jobs: readonly { dueAt: number; takenAt: number | null; data: unknown }[]): Map<string, number> {
  const since = new Map<string, number>()
  for (const { dueAt, takenAt, data } of jobs) {
    const { tenantId } = data as { tenantId?: string }
    if (takenAt === null && tenantId !== undefined) since.set(tenantId, Math.min(dueAt, since.get(tenantId) ?? dueAt))
  }
  return since
}
