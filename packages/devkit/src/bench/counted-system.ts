import type { AppProcess, TestSystem } from '../testing/test-system.ts'
import { type CountingProxy, type Sent, startCountingProxy } from './counting/counting-proxy.ts'
import { createMysqlCommandReader } from './counting/mysql-commands.ts'
import { createRedisCommandReader } from './counting/redis-commands.ts'

/** A system whose processes reach MySQL and Redis through counters. What the bench itself asks goes past them. */
export interface CountedSystem {
  system: TestSystem
  sent(): { redis: Sent; mysql: Sent }
  startApi(): Promise<AppProcess>
  startWorker(variables?: Record<string, string>): Promise<AppProcess>
  stop(): Promise<void>
}

/** @param system one without processes; it is stopped with the counters */
export async function countSystem(
  { services }: { services: { databaseUrl: string; redisUrl: string } },
  system: TestSystem,
): Promise<CountedSystem> {
  const redis = await startCountingProxy(services.redisUrl, createRedisCommandReader)
  const mysql = await startCountingProxy(services.databaseUrl, createMysqlCommandReader)
  const variables = {
    REDIS_URL: redis.through(services.redisUrl),
    DATABASE_URL: mysql.through(system.variables.DATABASE_URL ?? ''),
  }
  return {
    system,
    sent: () => ({ redis: redis.sent(), mysql: mysql.sent() }),
    startApi: () => system.startApi(variables),
    startWorker: (more = {}) => system.startWorker({ ...variables, ...more }),
    async stop() {
      await system.stop()
      for (const proxy of [redis, mysql] satisfies CountingProxy[]) proxy.stop()
    },
  }
}
