import { PIPELINE_JOB_OPTIONS, type PipelineJob } from '../queues/jobs.ts'
import type { NewJob, Queues } from '../queues/queues.ts'
import type { NewMessage } from './insert-messages.ts'
import { type MessageRef, toDatetime } from './message-ref.ts'
import type { ValidMessage } from './message-validation.ts'

/** Most messages that one pipeline job carries: bounds what a crash repeats and how long one job holds its worker. */
export const MAX_MESSAGES_PER_JOB = 16

/**
 * Decides which pipeline job carries which message: one tenant and one priority a job. What has a later `sendAt` gets
 * none now; the reconciler enqueues it when it is due.
 */
export function assignJobs(messages: readonly ValidMessage[], flushId: string, acceptedAt: Date): NewMessage[] {
  const createTime = toDatetime(acceptedAt)
  const open = new Map<string, { id: string; size: number }>()
  let jobs = 0
  return messages.map((message) => {
    const waits = message.sendAt !== null && message.sendAt > acceptedAt
    return { ...message, acceptedAt, createTime, jobId: waits ? null : nextJob(message) }
  })

  function nextJob({ tenantId, priority }: ValidMessage): string {
    const group = `${tenantId} ${priority}`
    let job = open.get(group)
    if (!job || job.size === MAX_MESSAGES_PER_JOB) {
      job = { id: `f${flushId}-${jobs++}`, size: 0 }
      open.set(group, job)
    }
    job.size++
    return job.id
  }
}

/** Adds the jobs that `assignJobs` decided; a job that exists already is left as it is. */
export async function enqueueMessages(queues: Queues, messages: readonly NewMessage[]): Promise<void> {
  const withJobs = messages.filter((message) => message.jobId !== null)
  const jobs = Map.groupBy(withJobs, (message) => message.jobId ?? '')
  if (jobs.size === 0) return
  await queues.addFairly(
    queues.pipeline,
    [...jobs].map(([jobId, members]) => pipelineJob(jobId, members)),
  )
}

/** The pipeline job of messages of one tenant and priority. */
export function pipelineJob(jobId: string, members: readonly (MessageRef & { priority: number })[]): NewJob {
  const [first] = members
  const data: PipelineJob = {
    tenantId: first?.tenantId ?? '',
    messages: members.map(({ messageId, createTime }) => [messageId, createTime]),
  }
  return {
    name: members.length === 1 ? (first?.messageId ?? '') : `${members.length} messages`,
    data,
    opts: { ...PIPELINE_JOB_OPTIONS, jobId },
    fair: { tenantId: data.tenantId, priority: first?.priority ?? 0 },
  }
}
