import { aloneWith } from '@message-center/core/database/named-lock.ts'
import { RECONCILE_TASK } from '@message-center/core/queues/wake-reconciler.ts'
import type { UpkeepMetrics } from '@message-center/core/telemetry/upkeep-metrics.ts'
import type { AdvanceDependencies } from '../delivery/advance-line.ts'
import { advanceLines } from './advance-lines.ts'
import { cleanUp, cleanUpSteps } from './clean-up.ts'
import { keepPartitions, type PartitionDependencies } from './partitions.ts'
import { type ReconcileDependencies, reconcile } from './reconcile.ts'
import type { ScheduledTask } from './run-task.ts'

/** Every scheduled task. */
export function scheduledTasks(deps: {
  reconcile: ReconcileDependencies
  partitions: PartitionDependencies
  lines: AdvanceDependencies
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
