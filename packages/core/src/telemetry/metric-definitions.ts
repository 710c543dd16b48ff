/** What a metric is; everything that is told of it elsewhere (docs/metrics.md, dashboards, alerts) is checked against this. */
export interface MetricDefinition<
  Type extends string = 'counter' | 'gauge' | 'histogram',
  Label extends string = string,
> {
  type: Type
  name: string
  help: string
  labels: readonly Label[]
  buckets?: readonly number[]
}

const counter = <const Label extends string = never>(
  name: string,
  help: string,
  labels: readonly Label[] = [],
): MetricDefinition<'counter', Label> => ({ type: 'counter', name, help, labels })

const gauge = <const Label extends string = never>(
  name: string,
  help: string,
  labels: readonly Label[] = [],
): MetricDefinition<'gauge', Label> => ({ type: 'gauge', name, help, labels })

const histogram = <const Label extends string = never>(
  name: string,
  help: string,
  buckets: readonly number[],
  labels: readonly Label[] = [],
): MetricDefinition<'histogram', Label> => ({ type: 'histogram', name, help, labels, buckets })

const CALL_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const HTTP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]
/** 5 s is the objective (deploy/prometheus/rules): one of the buckets has to end there. */
const DELIVERY_SECONDS = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 3600]
const WAIT_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 21_600, 86_400]
const RUN_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1800, 7200]
const ITEMS = [1, 2, 5, 10, 20, 50, 100, 200, 500]

const SAME_EVERYWHERE = 'every process tells the same: take the max, not the sum'
const PER_PROCESS = 'by this process; the newest of all processes counts: max by (task)'
const TENANT = 'tenant: the id of one of the busiest (setting metricsTenants), else other'

/** Messages and tasks, from acceptance to their end. */
export const MESSAGE_METRICS = {
  messagesAccepted: counter('message_center_messages_accepted_total', 'Messages committed and answered with 202'),
  messagesFinished: counter('message_center_messages_finished_total', 'Messages that reached a final status', [
    'status',
  ]),
  tasksFinished: counter(
    'message_center_tasks_finished_total',
    'Channel tasks that reached a final status: success, or the outcome code in lower case',
    ['channel', 'outcome'],
  ),
  deliverySeconds: histogram(
    'message_center_delivery_seconds',
    'From acceptance (or sendAt) until the provider took the message. held: yes where it waited on purpose, for a time window or a rate limit',
    DELIVERY_SECONDS,
    ['channel', 'held'],
  ),
  tenantMessagesAccepted: counter('message_center_tenant_messages_accepted_total', `Messages accepted; ${TENANT}`, [
    'tenant',
  ]),
  tenantMessagesFinished: counter(
    'message_center_tenant_messages_finished_total',
    `Messages that reached a final status; ${TENANT}`,
    ['tenant', 'status'],
  ),
  tenantTasksFinished: counter(
    'message_center_tenant_tasks_finished_total',
    `Channel tasks that reached a final status; ${TENANT}`,
    ['tenant', 'channel', 'outcome'],
  ),
  tenantDeliverySeconds: histogram(
    'message_center_tenant_delivery_seconds',
    `From acceptance (or sendAt) until the provider took the message, where it was not held on purpose; ${TENANT}`,
    [0.1, 0.5, 1, 5, 30, 300, 3600],
    ['tenant'],
  ),
} satisfies MetricGroup

/** What a process does with them. */
export const WORK_METRICS = {
  acceptFlush: histogram('message_center_accept_flush_messages', 'Messages that shared one group commit', ITEMS),
  acceptFlushSeconds: histogram(
    'message_center_accept_flush_seconds',
    'Duration of a group commit, as everybody in it waits for it',
    CALL_SECONDS,
  ),
  writeBatch: histogram(
    'message_center_write_batch_items',
    'What shared one statement or transaction of a worker: claim, outcome, finish, dispatch',
    ITEMS,
    ['batch'],
  ),
  enqueueFailures: counter(
    'message_center_enqueue_failures_total',
    'Messages or tasks whose job could not be added at once and was left to the reconciler',
  ),
  step: histogram(
    'message_center_step_seconds',
    'Duration of a pipeline step, its successors not counted',
    CALL_SECONDS,
    ['step'],
  ),
  rateLimitRejections: counter(
    'message_center_rate_limit_rejections_total',
    'Tasks that were refused because no config had a slot of its rate limit, or of its monthly quota, for them',
    ['channel'],
  ),
  rateLimitWait: histogram(
    'message_center_rate_limit_wait_seconds',
    'How long tasks are told to wait for a slot of a rate limit, each time that they are told',
    WAIT_SECONDS,
    ['channel'],
  ),
  providerRequest: histogram(
    'message_center_provider_request_seconds',
    'Duration of one send through a channel adapter: success, or the error class in lower case',
    CALL_SECONDS,
    ['channel', 'outcome'],
  ),
  retries: counter('message_center_retries_total', 'Sends that will be tried again after a passing error', ['channel']),
  quarantineRuns: counter(
    'message_center_quarantine_runs_total',
    'Messages and tasks that were run in quarantine because the process that had them did not come back: ended or crashed',
    ['outcome'],
  ),
  poisoned: counter(
    'message_center_poisoned_total',
    'Messages and tasks that were set aside as POISONED because they kept ending their process, by stage: pipeline, or the channel',
    ['stage'],
  ),
  mergedTasks: counter(
    'message_center_merged_tasks_total',
    'Tasks that went out as part of the message of another one',
    ['channel'],
  ),
  circuitsOpen: gauge(
    'message_center_circuit_open',
    `Channel configs that are rested because their provider keeps failing; ${SAME_EVERYWHERE}`,
    ['channel'],
  ),
  jobsSetAside: gauge(
    'message_center_queue_jobs_set_aside',
    "Jobs that this process has put back because their config's share of the slots is in use",
    ['queue'],
  ),
  reconciled: counter(
    'message_center_reconciled_total',
    'Messages, tasks and callbacks that the reconciler gave a new job',
    ['kind'],
  ),
  callbackTries: counter(
    'message_center_callback_tries_total',
    'Tries of callbacks: delivered, retried (will be tried again), failed (given up)',
    ['outcome'],
  ),
  refused: counter(
    'message_center_refused_total',
    'Calls that send and were refused under overload: tenant_… with 429, the others with 503; the reason is what was too much',
    ['reason'],
  ),
  waitingMessages: gauge(
    'message_center_waiting_messages',
    'Messages under way, due and not final, as admission knows them: take the max of the API processes, not the sum',
  ),
  waitingSeconds: gauge(
    'message_center_waiting_oldest_seconds',
    'How long the longest waiting message has waited for the pipeline, as admission knows it: the max, not the sum',
  ),
  redisMemoryShare: gauge(
    'message_center_redis_memory_share',
    'Used share of the maxmemory of Redis, 0 where it has none or does not answer',
  ),
  inHandCalls: gauge('message_center_in_hand_calls', 'Calls that send and are not answered yet, in this process'),
  inHandBytes: gauge('message_center_in_hand_bytes', 'Bytes of the bodies of these calls, as far as they say'),
  inboxStreams: gauge('message_center_inbox_streams', 'Open event streams of inboxes'),
} satisfies MetricGroup

/** Requests to the API. */
export const HTTP_METRICS = {
  requests: histogram(
    'message_center_http_request_seconds',
    'Duration of requests to the API by route (as in the OpenAPI document; none: no such route) and class of the status (2xx …)',
    HTTP_SECONDS,
    ['method', 'route', 'status'],
  ),
} satisfies MetricGroup

/** Queues; read when they are asked for. */
export const QUEUE_METRICS = {
  jobs: gauge(
    'message_center_queue_jobs',
    `Jobs in a queue by state: waiting (could be taken now), active, delayed (waits for a time), failed (kept for people); ${SAME_EVERYWHERE}`,
    ['queue', 'state'],
  ),
  paused: gauge('message_center_queue_paused', `1 where somebody paused the queue; ${SAME_EVERYWHERE}`, ['queue']),
  oldest: gauge(
    'message_center_queue_oldest_seconds',
    `How long the oldest job has waited that could be taken, 0 where none waits; looked for among the next 100; ${SAME_EVERYWHERE}`,
    ['queue'],
  ),
} satisfies MetricGroup

/** Monthly quotas; read from MySQL when they are asked for. */
export const QUOTA_METRICS = {
  most: gauge(
    'message_center_monthly_quota',
    `Sends that a channel config may start in a month; only configs with a quota, the 200 most used ones; ${SAME_EVERYWHERE}`,
    ['channel', 'config'],
  ),
  used: gauge('message_center_monthly_quota_used', `Sends of a channel config in this month; ${SAME_EVERYWHERE}`, [
    'channel',
    'config',
  ]),
} satisfies MetricGroup

/** The hourly books (docs/adr/0031); read from MySQL when they are asked for. */
export const BOOK_METRICS = {
  messages: gauge(
    'message_center_books_messages',
    `Messages of the last full hour by what has become of them: accepted = success + partial_success + failed + waiting + missing; ${SAME_EVERYWHERE}`,
    ['state'],
  ),
  missing: gauge(
    'message_center_books_missing_messages',
    `Messages of all hours in the books that were accepted but are neither final nor on the reconciler's list, or the other way round: should be 0; ${SAME_EVERYWHERE}`,
  ),
  checkedAt: gauge(
    'message_center_books_checked_timestamp_seconds',
    `When the books were last written; ${SAME_EVERYWHERE}`,
  ),
} satisfies MetricGroup

/** What keeps the system going: scheduled tasks, the watchdog. */
export const UPKEEP_METRICS = {
  interval: gauge(
    'message_center_scheduler_interval_seconds',
    `How often a scheduled task should run, by the settings; ${SAME_EVERYWHERE}`,
    ['task'],
  ),
  lastRun: gauge(
    'message_center_scheduler_last_run_timestamp_seconds',
    `When a scheduled task last ended, well or not, ${PER_PROCESS}`,
    ['task'],
  ),
  lastSuccess: gauge(
    'message_center_scheduler_last_success_timestamp_seconds',
    `When a scheduled task last ended well, ${PER_PROCESS}`,
    ['task'],
  ),
  run: histogram(
    'message_center_scheduler_run_seconds',
    'Duration of a run of a scheduled task; outcome success or failure',
    RUN_SECONDS,
    ['task', 'outcome'],
  ),
  monthsAhead: gauge(
    'message_center_partition_months_ahead',
    'Month partitions that exist after the current month, as of the last run of the task partitions by this process',
    ['table'],
  ),
  catchAllRows: gauge(
    'message_center_partition_catch_all_rows',
    'Rows beyond the last month partition, counted up to a limit, as of the last run of the task partitions by this process: should be 0',
    ['table'],
  ),
  consumersReplaced: counter(
    'message_center_consumers_replaced_total',
    'Consumers of a queue that took no job although some were due, and were replaced by the watchdog',
    ['queue'],
  ),
  cleanedRows: counter('message_center_cleaned_rows_total', 'Rows that the task clean-up removed', ['step']),
  tokenRefreshes: counter(
    'message_center_token_refreshes_total',
    'Access tokens of apps that the task refresh-tokens fetched before they ran out; outcome success, or the error class in lower case',
    ['channel', 'outcome'],
  ),
} satisfies MetricGroup

/** MySQL and Redis as this process finds them; asked when they are asked for. */
export const DEPENDENCY_METRICS = {
  up: gauge('message_center_dependency_up', '1 where mysql or redis answered this process within 2 s', ['dependency']),
  ping: gauge(
    'message_center_dependency_ping_seconds',
    'How long mysql or redis took to answer this process; absent where it did not',
    ['dependency'],
  ),
  connections: gauge('message_center_database_connections', 'Connections of a pool of this process: in_use, idle', [
    'pool',
    'state',
  ]),
  connectionLimit: gauge('message_center_database_connection_limit', 'Most connections that a pool may open', ['pool']),
  waiting: gauge('message_center_database_waiting', 'Callers that wait for a connection of the pool just now', [
    'pool',
  ]),
  waits: counter('message_center_database_waits_total', 'Times that a caller had to wait for a connection', ['pool']),
  redisMemory: gauge(
    'message_center_redis_memory_used_bytes',
    `Memory that Redis (of a cluster: the node that answers) uses; ${SAME_EVERYWHERE}`,
  ),
  redisMaxMemory: gauge(
    'message_center_redis_memory_max_bytes',
    `Memory that Redis may use (maxmemory); 0: no limit; ${SAME_EVERYWHERE}`,
  ),
  redisClients: gauge('message_center_redis_clients', `Connections to Redis; ${SAME_EVERYWHERE}`),
} satisfies MetricGroup

export type MetricGroup = Record<string, MetricDefinition>

/** Every metric of ours, by the headings under which docs/metrics.md tells of them. */
export const METRIC_GROUPS = {
  Messages: MESSAGE_METRICS,
  Work: WORK_METRICS,
  API: HTTP_METRICS,
  Queues: QUEUE_METRICS,
  'Monthly quotas': QUOTA_METRICS,
  Books: BOOK_METRICS,
  Upkeep: UPKEEP_METRICS,
  'MySQL and Redis': DEPENDENCY_METRICS,
} satisfies Record<string, MetricGroup>
