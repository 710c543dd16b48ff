import { Redis } from 'ioredis'
import type { Pool, RowDataPacket } from 'mysql2/promise'

/** Every row of every table of a database, as text. */
export async function tablesText(pool: Pool): Promise<string> {
  const [names] = await pool.query<RowDataPacket[]>('SHOW TABLES')
  const dumps = await Promise.all(
    names.map(async (row) => {
      const [rows] = await pool.query(`SELECT * FROM \`${Object.values(row)[0]}\``)
      return JSON.stringify(rows)
    }),
  )
  return dumps.join('\n')
}

/** All keys of a Redis with their values, whatever their type, as text. */
export async function redisText(url: string): Promise<string> {
  const redis = new Redis(url)
  const parts: unknown[] = []
  for await (const keys of redis.scanStream({ count: 500 })) {
    for (const key of keys as string[]) {
      const type = await redis.type(key)
      const read: Record<string, () => Promise<unknown>> = {
        string: () => redis.get(key),
        hash: () => redis.hgetall(key),
        list: () => redis.lrange(key, 0, -1),
        set: () => redis.smembers(key),
        zset: () => redis.zrange(key, '0', '-1'),
        stream: () => redis.xrange(key, '-', '+'),
      }
      parts.push([key, await read[type]?.()])
    }
  }
  redis.disconnect()
  return JSON.stringify(parts)
}
