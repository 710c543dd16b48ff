import { AppError } from '@message-center/core/contracts/errors.ts'
import type { Settings } from '@message-center/core/settings/definitions.ts'
import type { Waiting } from './read-backlog.ts'

/** What a decision looks at. */
export interface Figures {
  all: Waiting
  tenant: Waiting
  redisMemoryShare: number
  /** Messages of this process that wait for their commit, in all and of the tenant. */
  uncommitted: number
  uncommittedOfTenant: number
}

export type Limits = Pick<
  Settings,
  | 'maxWaitingMessages'
  | 'maxWaitingSeconds'
  | 'maxWaitingMessagesInAll'
  | 'maxWaitingSecondsInAll'
  | 'maxRedisMemoryPercent'
>

/** Label of the metric, and what the caller is told. */
export type RefusalReason =
  | 'process'
  | 'tenant_in_hand'
  | 'messages_in_all'
  | 'seconds_in_all'
  | 'redis_memory'
  | 'tenant_messages'
  | 'tenant_seconds'

/** So many wait for their commit only where MySQL takes seconds for one. */
const MOST_UNCOMMITTED = 5_000
const SOON_SECONDS = 1
/** Who was refused together shall not come again together. */
const LATER_SECONDS = { least: 3, spread: 5 }

/**
 * Why a call that sends messages is refused; undefined where it may come in. What concerns everybody is looked at first: a
 * tenant is not told that he sends too much when the system is behind.
 */
export function refusalFor(figures: Figures, limits: Limits): RefusalReason | undefined {
  const { all, tenant, redisMemoryShare, uncommitted, uncommittedOfTenant } = figures
  if (uncommitted >= MOST_UNCOMMITTED) return 'process'
  // What waits for its commit is in no look as yet: a burst would come in as a whole.
  if (all.messages + uncommitted >= limits.maxWaitingMessagesInAll) return 'messages_in_all'
  if (all.oldestSeconds >= limits.maxWaitingSecondsInAll) return 'seconds_in_all'
  if (redisMemoryShare * 100 >= limits.maxRedisMemoryPercent) return 'redis_memory'
  if (tenant.messages + uncommittedOfTenant >= limits.maxWaitingMessages) return 'tenant_messages'
  if (tenant.oldestSeconds >= limits.maxWaitingSeconds) return 'tenant_seconds'
  return undefined
}

const TEXTS: Record<RefusalReason, string> = {
  process: 'the system has more in hand than it can take; send it again later',
  messages_in_all: 'too many messages wait in the whole system; send it again later',
  seconds_in_all: 'the system is too far behind; send it again later',
  redis_memory: 'the queues are full; send it again later',
  tenant_in_hand: 'too many calls of this tenant at once; send it again later',
  tenant_messages: 'too many messages of this tenant wait (maxWaitingMessages); send it again later',
  tenant_seconds: 'messages of this tenant have waited too long (maxWaitingSeconds); send it again later',
}

/** 429 where the tenant has too much waiting, 503 where the system has; with the time after which to come again. */
export function refusal(reason: RefusalReason): AppError {
  const inHand = reason === 'process' || reason === 'tenant_in_hand'
  const { least, spread } = LATER_SECONDS
  const retryAfterSeconds = inHand ? SOON_SECONDS : least + Math.floor(Math.random() * spread)
  const code = reason.startsWith('tenant') ? 'TOO_MANY_REQUESTS' : 'UNAVAILABLE'
  return new AppError(code, TEXTS[reason], { retryAfterSeconds })
}
