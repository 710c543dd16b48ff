import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export type Metrics = ReturnType<typeof createMetrics>

/** The metrics of one process, in a registry of its own. Names after Prometheus' conventions; labels have few values. */
export function createMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  return {
    registry,
    messagesAccepted: new Counter({
      name: 'message_center_messages_accepted_total',
      help: 'Messages committed and answered with 202',
      registers,
    }),
    messagesFinished: new Counter({
      name: 'message_center_messages_finished_total',
      help: 'Messages that reached a final status',
      labelNames: ['status'],
      registers,
    }),
    tasksFinished: new Counter({
      name: 'message_center_tasks_finished_total',
      help: 'Channel tasks that reached a final status: success, or the outcome code in lower case',
      labelNames: ['channel', 'outcome'],
      registers,
    }),
    providerRequest: new Histogram({
      name: 'message_center_provider_request_seconds',
      help: 'Duration of one send through a channel adapter: success, or the error class in lower case',
      labelNames: ['channel', 'outcome'],
      buckets: SECONDS,
      registers,
    }),
    step: new Histogram({
      name: 'message_center_step_seconds',
      help: 'Duration of a pipeline step, its successors not counted',
      labelNames: ['step'],
      buckets: SECONDS,
      registers,
    }),
    retries: new Counter({
      name: 'message_center_retries_total',
      help: 'Sends that will be tried again after a passing error',
      labelNames: ['channel'],
      registers,
    }),
    mergedTasks: new Counter({
      name: 'message_center_merged_tasks_total',
      help: 'Tasks that went out as part of the message of another one',
      labelNames: ['channel'],
      registers,
    }),
    circuitsOpen: new Gauge({
      name: 'message_center_circuit_open',
      help: 'Channel configs that are rested because their provider keeps failing; every worker process tells the same',
      labelNames: ['channel'],
      registers,
    }),
    jobsSetAside: new Gauge({
      name: 'message_center_queue_jobs_set_aside',
      help: "Jobs that this process has put back because their config's share of the slots is in use",
      labelNames: ['queue'],
      registers,
    }),
    acceptFlush: new Histogram({
      name: 'message_center_accept_flush_messages',
      help: 'Messages that shared one group commit',
      buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500],
      registers,
    }),
    enqueueFailures: new Counter({
      name: 'message_center_enqueue_failures_total',
      help: 'Messages or tasks whose job could not be added at once and was left to the reconciler',
      registers,
    }),
    refused: new Counter({
      name: 'message_center_refused_total',
      help: 'Calls that send and were refused under overload: tenant_… with 429, the others with 503; what was too much is the reason',
      labelNames: ['reason'],
      registers,
    }),
    waitingMessages: new Gauge({
      name: 'message_center_waiting_messages',
      help: 'Messages under way, due and not final, as admission knows them; every API process tells nearly the same',
      registers,
    }),
    waitingSeconds: new Gauge({
      name: 'message_center_waiting_oldest_seconds',
      help: 'How long the longest waiting message has waited for the pipeline, as admission knows it',
      registers,
    }),
    redisMemoryShare: new Gauge({
      name: 'message_center_redis_memory_share',
      help: 'Used share of the maxmemory of Redis, 0 where it has none',
      registers,
    }),
    inHandCalls: new Gauge({
      name: 'message_center_in_hand_calls',
      help: 'Calls that send and are not answered yet, in this process',
      registers,
    }),
    inHandBytes: new Gauge({
      name: 'message_center_in_hand_bytes',
      help: 'Bytes of the bodies of these calls, as far as they say',
      registers,
    }),
    inboxStreams: new Gauge({
      name: 'message_center_inbox_streams',
      help: 'Open event streams of inboxes',
      registers,
    }),
    reconciled: new Counter({
      name: 'message_center_reconciled_total',
      help: 'Messages, tasks and callbacks that the reconciler gave a new job',
      labelNames: ['kind'],
      registers,
    }),
    callbackTries: new Counter({
      name: 'message_center_callback_tries_total',
      help: 'Tries of callbacks: delivered, retried (will be tried again), failed (given up)',
      labelNames: ['outcome'],
      registers,
    }),
  }
}
