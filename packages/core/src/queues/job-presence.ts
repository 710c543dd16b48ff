import type { Queue } from 'bullmq'
import type { RedisConnection } from './redis.ts'

/**
 * Which of these jobs exist and have not ended; read straight from the job hashes, one round trip for all.
 * @returns the ids of the living ones
 */
export async function livingJobs(redis: RedisConnection, queue: Queue, jobIds: Iterable<string>): Promise<Set<string>> {
  const ids = [...new Set(jobIds)]
  if (ids.length === 0) return new Set()
  const pipeline = redis.pipeline()
  for (const id of ids) pipeline.hmget(queue.toKey(id), 'timestamp', 'finishedOn')
  const answers = (await pipeline.exec()) ?? []
  return new Set(
    ids.filter((_, index) => {
      const [error, fields] = answers[index] ?? [new Error('no answer'), null]
      if (error) throw error
      const [timestamp, finishedOn] = fields as [string | null, string | null]
      return timestamp !== null && finishedOn === null
    }),
  )
}
