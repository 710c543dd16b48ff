import type { JobsOptions } from 'bullmq'

/** Data of a pipeline job: what one group commit accepted of one tenant. Ids only; the content stays in MySQL. */
export interface PipelineJob {
  tenantId: string
  /** [messageId, createTime] of each message. */
  messages: [messageId: string, createTime: string][]
  /** Of its workers' deaths (BullMQ's `stalledCounter`), those that its messages' interruptions hold already. */
  countedDeaths?: number
}

/** Data of a channel job: one task. */
export interface ChannelJob {
  tenantId: string
  messageId: string
  channelType: string
  taskId: string
  /** The task's and its message's `create_time`, which names the partition. */
  createTime: string
  configId: string
  /** The newest change of configs that the pipeline knew. */
  changeNumber?: number
  /** Epoch ms after which the task must not be sent any more. */
  expiresAt?: number
  /** Epoch ms from which it could have been sent, had nothing held it: its acceptance, or `sendAt`. For the metrics. */
  sendableSince?: number
  /** It had to wait on purpose: for a time window, a rate limit, the end of a pause. For the metrics. */
  held?: boolean
  /** Where its message is in a trace, W3C; absent where its way is not traced. */
  traceparent?: string
}

/**
 * Finished jobs are kept only for people who look into the queue; nothing reads them. Workers are told, not each job, which
 * would carry it through Redis.
 */
export const KEPT_FOR_PEOPLE = { removeOnComplete: { count: 100 }, removeOnFail: { count: 1000 } }

/** A fault of the system (database away …) repeats the job for as long as it takes; the reconciler watches besides. */
export const PIPELINE_JOB_OPTIONS: JobsOptions = {
  attempts: 1_000_000,
  backoff: { type: 'fixed', delay: 2_000 },
  stackTraceLimit: 1,
}

/** A task's job: a new generation has a new id, so that an old job kept for people does not stand in its way. */
export function channelJobId(taskId: string, generation: number): string {
  return `t${taskId}-${generation}`
}

/**
 * Options of a task's job; BullMQ retries with its exponential backoff.
 * @param retries how many retries are left, the first after `initialDelayMs`, doubling
 * @param delayMs not before
 */
export function channelJobOptions(job: {
  taskId: string
  generation: number
  retries: number
  initialDelayMs: number
  delayMs: number
}): JobsOptions {
  return {
    jobId: channelJobId(job.taskId, job.generation),
    attempts: job.retries + 1,
    backoff: { type: 'exponential', delay: job.initialDelayMs },
    ...(job.delayMs > 0 ? { delay: job.delayMs } : {}),
    stackTraceLimit: 1,
  }
}
