import type { Pool } from 'mysql2/promise'
import { exposeBooks } from '../books/books-gauges.ts'
import type { Queues } from '../queues/queues.ts'
import type { RedisConnection } from '../queues/redis.ts'
import { exposeDependencies } from './dependency-metrics.ts'
import type { Metrics } from './metrics.ts'
import { registerQueueMetrics } from './queue-metrics.ts'

/**
 * Metrics of what all processes share: the queues, the books, MySQL and Redis. Every process tells them, so that they are
 * told whichever is down.
 * @param warn makes what is told of an error
 */
export function exposeSharedState(
  { registry }: Pick<Metrics, 'registry'>,
  deps: {
    redis: RedisConnection
    queues: Queues
    channelTypes: Iterable<string>
    pools: Readonly<Record<string, Pool> & { main: Pool }>
    warn(what: string): (error: unknown) => void
  },
): void {
  const { pools, warn } = deps
  const onError = warn('a queue could not be read for the metrics')
  registerQueueMetrics({ registry, ...deps, pool: pools.main, onError })
  exposeDependencies(registry, deps)
  exposeBooks(registry, pools.main, warn('the books cannot be read'))
}
