import type { Pool, RowDataPacket } from 'mysql2/promise'
import { createBatcher } from '../messages/batcher.ts'
import type { RateLimit } from './operations.ts'

/** A message may have waited so long before it was sent. */
const MAX_AGE_SECONDS = 86_400
/** Configs of one statement. */
const MAX_BATCH = 500

/**
 * Tells how many sends of a config may have started within its window, at most: all attempts of the tasks that have moved since,
 * and what is being sent. For a Redis that was emptied; then all configs ask at once, each for a look at a day of its tenant's
 * tasks: those of a tenant and channel share it, one statement at a time, for the others have to work meanwhile.
 */
export function createSentBefore(pool: Pool): (limit: RateLimit) => Promise<number> {
  const asking = createBatcher<RateLimit, number>({
    maxItems: MAX_BATCH,
    async flush(limits) {
      const sends = new Map<RateLimit, number>()
      for (const [windowMs, alike] of Map.groupBy(limits, (limit) => limit.windowMs)) {
        const configIds = alike.map(({ configId }) => configId)
        const byConfig = await countSends(pool, configIds, Math.ceil(windowMs / 1000) + 1)
        for (const limit of alike) sends.set(limit, byConfig.get(limit.configId) ?? 0)
      }
      return limits.map((limit) => sends.get(limit) ?? 0)
    },
  })
  return (limit) => asking.add(limit)
}

/** Served by ix_tenant_channel. */
async function countSends(
  pool: Pool,
  configIds: readonly string[],
  windowSeconds: number,
): Promise<Map<string, number>> {
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT STRAIGHT_JOIN k.channel_config_id, SUM(COALESCE(JSON_LENGTH(k.attempts), 0) + (k.status = 'SENDING')) AS sends
     FROM (SELECT DISTINCT tenant_id, channel_type FROM msg_channel_config WHERE id IN (?)) AS c
     JOIN msg_channel_task k FORCE INDEX (ix_tenant_channel)
       ON k.tenant_id = c.tenant_id AND k.channel_type = c.channel_type AND k.create_time >= UTC_TIMESTAMP() - INTERVAL ? SECOND
     WHERE k.channel_config_id IN (?) AND k.update_time >= UTC_TIMESTAMP() - INTERVAL ? SECOND GROUP BY k.channel_config_id`,
    [configIds, windowSeconds + MAX_AGE_SECONDS, configIds, windowSeconds],
  )
  return new Map(rows.map((row) => [String(row.channel_config_id), Number(row.sends)]))
}
