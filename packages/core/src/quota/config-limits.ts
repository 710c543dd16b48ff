import { LRUCache } from 'lru-cache'
import type { Pool } from 'mysql2/promise'
import type { CandidateConfig } from '../configs/candidates.ts'
import { createBatcher } from '../messages/batcher.ts'
import type { RateLimit } from '../rate-limit/operations.ts'
import type { QuotaMonth } from './quota-month.ts'
import { readQuotaUse } from './quota-usage.ts'

/** The limits of a config as the rate limiter takes them. */
export type ConfigLimits = (config: CandidateConfig) => Promise<RateLimit>

const MAX_ENTRIES = 10_000
/** Redis counts every send; MySQL's count matters after Redis was emptied, and for sends that went past it. */
const FRESH_MS = 5_000
const MAX_BATCH = 500

/**
 * Limits with what MySQL knows of this month's sends, read anew every few seconds for configs that have a quota and are in
 * use; the others cost nothing.
 */
export function createConfigLimits(pool: Pool, monthOf: QuotaMonth): ConfigLimits {
  const known = new LRUCache<string, Promise<number>>({ max: MAX_ENTRIES, ttl: FRESH_MS })
  const reading = createBatcher<{ configId: string; month: string }, number>({
    maxItems: MAX_BATCH,
    async flush(configs) {
      const used = await readQuotaUse(pool, configs)
      const byConfig = new Map(used.map(({ configId, month, sends }) => [`${configId} ${month}`, sends]))
      return configs.map(({ configId, month }) => byConfig.get(`${configId} ${month}`) ?? 0)
    },
  })

  function sendsOf(configId: string, month: string): Promise<number> {
    const key = `${configId} ${month}`
    const cached = known.get(key)
    if (cached) return cached
    const read = reading.add({ configId, month })
    known.set(key, read)
    read.catch(() => known.delete(key))
    return read
  }

  return async ({ id, channelType, rateLimit, monthlyQuota }) => {
    if (monthlyQuota === null) return { configId: id, ...rateLimit }
    const month = monthOf(channelType)
    return { configId: id, ...rateLimit, quota: { most: monthlyQuota, month, known: await sendsOf(id, month) } }
  }
}
