import type { Pool, RowDataPacket } from 'mysql2/promise'
import type { RateLimit } from './operations.ts'

/** A message may have waited so long before it was sent. */
const MAX_AGE_SECONDS = 86_400

/**
 * How many sends of a config may have started within its window, at most: all attempts of the tasks that have moved since,
 * and what is being sent. For a Redis that was emptied; served by ix_tenant_channel.
 */
export async function sentBefore(pool: Pool, { configId, windowMs }: RateLimit): Promise<number> {
  const windowSeconds = Math.ceil(windowMs / 1000) + 1
  const [[row]] = await pool.query<RowDataPacket[]>(
    `SELECT STRAIGHT_JOIN SUM(COALESCE(JSON_LENGTH(k.attempts), 0) + (k.status = 'SENDING')) AS sends
     FROM msg_channel_config c JOIN msg_channel_task k FORCE INDEX (ix_tenant_channel)
       ON k.tenant_id = c.tenant_id AND k.channel_type = c.channel_type AND k.create_time >= UTC_TIMESTAMP() - INTERVAL ? SECOND
     WHERE c.id = ? AND k.channel_config_id = c.id AND k.update_time >= UTC_TIMESTAMP() - INTERVAL ? SECOND`,
    [windowSeconds + MAX_AGE_SECONDS, configId, windowSeconds],
  )
  return Number(row?.sends ?? 0)
}
