import type { Logger } from '../telemetry/logger.ts'
import { type RedisConnection, redisServers } from './redis.ts'

/** What BullMQ 6 and the scripts of this repository build on; Valkey tells the version of Redis that it is compatible with. */
const OLDEST_VERSION = '6.2.0'

/**
 * Looks at each server that the connection reaches, whenever it has become ready, and warns of settings under which jobs get
 * lost. A server that does not tell them is taken as it is.
 */
export function warnOfUnfitRedis(redis: RedisConnection, logger: Logger): void {
  redis.on('ready', async () => {
    for (const server of redisServers(redis)) {
      const info = await server.info().catch((error) => {
        logger.debug({ err: error }, 'redis does not tell its settings')
        return ''
      })
      for (const fault of redisFaults(info)) logger.warn(fault)
    }
  })
}

/** @param info the answer to INFO */
export function redisFaults(info: string): string[] {
  const version = /^redis_version:(\S+)/m.exec(info)?.[1]
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1]
  const faults: string[] = []
  if (version !== undefined && isOlder(version, OLDEST_VERSION))
    faults.push(`redis has version ${version}; it has to be ${OLDEST_VERSION} or later`)
  if (policy !== undefined && policy !== 'noeviction')
    faults.push(
      `redis drops keys when its memory is full (maxmemory-policy ${policy}): set it to noeviction, or jobs get lost`,
    )
  return faults
}

function isOlder(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) < 0
}
