import { Cluster } from 'ioredis'
import type { RedisConnection } from './redis.ts'

/** @returns how much of `maxmemory` is used, 0 to 1, of the server that is fullest; 0 where none has a limit */
export async function redisMemoryShare(redis: RedisConnection): Promise<number> {
  const servers = redis instanceof Cluster ? redis.nodes('master') : [redis]
  const infos = await Promise.all(servers.map((server) => server.info('memory')))
  return Math.max(0, ...infos.map(memoryShare))
}

/** @param info the answer to INFO memory */
export function memoryShare(info: string): number {
  const used = Number(/^used_memory:(\d+)/m.exec(info)?.[1] ?? 0)
  const limit = Number(/^maxmemory:(\d+)/m.exec(info)?.[1] ?? 0)
  return limit > 0 ? used / limit : 0
}
