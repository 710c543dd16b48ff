import { Redis } from 'ioredis'
import { until } from './until.ts'

/** Takes away everything that a system keeps in Redis, and resolves when its workers have noticed and rebuilt it. */
export async function loseRedis(variables: Record<string, string>): Promise<void> {
  const redis = new Redis(variables.REDIS_URL ?? '')
  const keys = async (pattern: string) => {
    const found: string[] = []
    for await (const some of redis.scanStream({ match: pattern, count: 1000 })) found.push(...some)
    return found
  }
  try {
    const prefix = `${variables.QUEUE_PREFIX}*`
    const all = await keys(prefix)
    if (all.length > 0) await redis.unlink(all)
    await until('everything to be rebuilt', async () => (await keys(`${prefix}marker*`)).length > 0)
  } finally {
    redis.disconnect()
  }
}
