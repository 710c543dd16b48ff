import { writeBooks } from '@message-center/core/books/hourly-books.ts'
import { PLATFORM_TENANT } from '@message-center/core/contracts/caller.ts'
import { aloneWith } from '@message-center/core/database/named-lock.ts'
import { RECONCILE_TASK } from '@message-center/core/queues/wake-reconciler.ts'
import type { UpkeepMetrics } from '@message-center/core/telemetry/metrics.ts'
import type { AdvanceDependencies } from '../delivery/advance-line.ts'
import { advanceLines } from './advance-lines.ts'
import { cleanUp, cleanUpSteps } from './clean-up.ts'
import { keepPartitions, type PartitionDependencies } from './partitions.ts'
import { type ReconcileDependencies, reconcile } from './reconcile.ts'
import { type RefreshDependencies, refreshTokens } from './refresh-tokens.ts'
import type { ScheduledTask } from './run-task.ts'

/** Every scheduled task. */
export function scheduledTasks(deps: {
  reconcile: ReconcileDependencies
  partitions: PartitionDependencies
  lines: AdvanceDependencies
  tokens: RefreshDependencies
  metrics: UpkeepMetrics
}): ScheduledTask[] {
  const { pool, settings } = deps.partitions
  return [
    {
      name: RECONCILE_TASK,
      everySeconds: ({ reconcileIntervalSeconds }) => reconcileIntervalSeconds,
      async run() {
        const revived = await reconcile(deps.reconcile, { everything: false })
        return revived === undefined ? undefined : `${revived} messages and tasks got a new job`
      },
    },
    {
      name: 'partitions',
      everySeconds: ({ partitionIntervalSeconds }) => partitionIntervalSeconds,
      run: (signal) => keepPartitions(deps.partitions, signal),
    },
    {
      name: 'advance-lines',
      everySeconds: ({ advanceLinesIntervalSeconds }) => advanceLinesIntervalSeconds,
      run: () => aloneWith(pool, 'advance-lines', () => advanceLines(deps.lines)),
    },
    {
      name: 'refresh-tokens',
      everySeconds: ({ tokenRefreshIntervalSeconds }) => tokenRefreshIntervalSeconds,
      async run(signal) {
        const { tokenRefreshIntervalSeconds } = await settings(PLATFORM_TENANT)
        // What would run out before the run after next, should one be late.
        const aheadMs = 2 * tokenRefreshIntervalSeconds * 1_000
        return aloneWith(pool, 'refresh-tokens', () => refreshTokens(aheadMs, signal, deps.tokens))
      },
    },
    {
      name: 'books',
      everySeconds: ({ booksIntervalSeconds }) => booksIntervalSeconds,
      async run() {
        const { metricsTenants } = await settings(PLATFORM_TENANT)
        return aloneWith(pool, 'books', () => writeBooks(pool, metricsTenants))
      },
    },
    {
      name: 'clean-up',
      everySeconds: ({ cleanUpIntervalSeconds }) => cleanUpIntervalSeconds,
      run: (signal) =>
        aloneWith(pool, 'clean-up', () =>
          cleanUp(cleanUpSteps({ pool, settings }), {
            signal,
            onRemoved: (step, rows) => deps.metrics.cleanedRows.inc({ step }, rows),
          }),
        ),
    },
  ]
}
