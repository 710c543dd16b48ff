import type { Queue } from 'bullmq'
import { bullPriority, PIPELINE_JOB_OPTIONS, type PipelineJob } from '../queues/jobs.ts'
import type { NewMessage } from './insert-messages.ts'
import { toDatetime } from './message-ref.ts'
import type { ValidMessage } from './message-validation.ts'

/** Most messages that one pipeline job carries: bounds what a crash repeats and how long one job holds its worker. */
const MAX_MESSAGES_PER_JOB = 100

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
export async function enqueueMessages(queue: Queue, messages: readonly NewMessage[]): Promise<void> {
  const jobs = Map.groupBy(
    messages.filter((message) => message.jobId !== null),
    (message) => message.jobId ?? '',
  )
  if (jobs.size === 0) return
  await queue.addBulk(
    [...jobs].map(([jobId, [first, ...rest]]) => {
      const members = first ? [first, ...rest] : []
      const data: PipelineJob = {
        tenantId: first?.tenantId ?? '',
        messages: members.map(({ messageId, createTime }) => [messageId, createTime]),
      }
      const name = members.length === 1 ? data.messages[0]?.[0] : `${members.length} messages`
      const opts = { ...PIPELINE_JOB_OPTIONS, jobId, priority: bullPriority(first?.priority ?? 0) }
      return { name: name ?? '', data, opts }
    }),
  )
}
