import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

export type UpkeepMetrics = ReturnType<typeof createUpkeepMetrics>

/** What a process tells of what keeps the system going: the scheduled tasks that it ran, its watchdog. */
export function createUpkeepMetrics(registry: Registry) {
  const registers = [registry]
  const perProcess = 'by this process; the newest of all processes counts: max by (task)'
  return {
    lastRun: new Gauge({
      name: 'message_center_scheduler_last_run_timestamp_seconds',
      help: `When a scheduled task last ended, well or not, ${perProcess}`,
      labelNames: ['task'],
      registers,
    }),
    lastSuccess: new Gauge({
      name: 'message_center_scheduler_last_success_timestamp_seconds',
      help: `When a scheduled task last ended well, ${perProcess}`,
      labelNames: ['task'],
      registers,
    }),
    run: new Histogram({
      name: 'message_center_scheduler_run_seconds',
      help: 'Duration of a run of a scheduled task; outcome success or failure',
      labelNames: ['task', 'outcome'],
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1800, 7200],
      registers,
    }),
    monthsAhead: new Gauge({
      name: 'message_center_partition_months_ahead',
      help: 'Month partitions that exist after the current month, as of the last run of the task partitions by this process',
      labelNames: ['table'],
      registers,
    }),
    catchAllRows: new Gauge({
      name: 'message_center_partition_catch_all_rows',
      help: 'Rows beyond the last month partition, counted up to a limit, as of the last run of the task partitions by this process: should be 0',
      labelNames: ['table'],
      registers,
    }),
    consumersReplaced: new Counter({
      name: 'message_center_consumers_replaced_total',
      help: 'Consumers of a queue that took no job although some were due, and were replaced by the watchdog',
      labelNames: ['queue'],
      registers,
    }),
    cleanedRows: new Counter({
      name: 'message_center_cleaned_rows_total',
      help: 'Rows that the task clean-up removed',
      labelNames: ['step'],
      registers,
    }),
  }
}
