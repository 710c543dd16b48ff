import type { LimitedConfig } from '@message-center/core/configs/candidates.ts'
import { findWaitingTasks } from '@message-center/core/messages/waiting-tasks.ts'
import type { RateLimiter } from '@message-center/core/rate-limit/rate-limiter.ts'
import { messageOf } from '@message-center/core/rate-limit/reservation-key.ts'
import type { Pool } from 'mysql2/promise'
import type { TaskWriter } from './task-writer.ts'
import type { JobWaker } from './wake-jobs.ts'

export interface AdvanceDependencies {
  pool: Pool
  limiter: RateLimiter
  writer: TaskWriter
  wake: JobWaker
}

/** Those who would start before the look after next; the others have time. */
const WITHIN_MS = 60_000
/** Of one config at once, however far its limit was raised. */
const MOST = 2_000

/**
 * Wakes the first in a config's line who were told a later slot than they need to wait for: its limit was raised, or
 * others have left the line. Whoever has to wait longer all the same is left in peace (docs/adr/0015).
 * @returns how many slots have come closer
 */
export async function advanceLine(config: LimitedConfig, deps: AdvanceDependencies): Promise<number> {
  const { tenantId, channelType, id: configId, rateLimit } = config
  const advanced = await deps.limiter.advance({ configId, ...rateLimit }, WITHIN_MS, MOST)
  if (advanced.length === 0) return 0
  const slots = new Map(
    advanced.map(({ member, slotAt, now }) => [messageOf(member), Date.now() + Math.max(0, slotAt - now)]),
  )
  const tasks = await findWaitingTasks(deps.pool, { tenantId, channelType, configId }, [...slots.keys()])
  const wakes = tasks.map((task) => ({ ...task, at: slots.get(task.messageId) ?? Date.now() }))
  // First the row, then the job: one that runs before the row says so would go back to its old time.
  await Promise.all(
    wakes.map(({ taskId, createTime, at }) => deps.writer.postpone({ taskId, createTime, until: new Date(at) })),
  )
  await deps.wake(channelType, wakes)
  return advanced.length
}
