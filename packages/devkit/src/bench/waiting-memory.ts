import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import type { ApiCaller } from '../testing/api-caller.ts'
import { until } from '../testing/until.ts'
import { benchMessage, forgetJobs, forgetMessages, THREE_CHANNELS } from './bench-system.ts'
import type { CountedSystem } from './counted-system.ts'
import { postOneByOne } from './post-messages.ts'

/** Bytes of Redis that a message takes while it waits. */
export interface WaitingMemory {
  messages: number
  /** Accepted, no worker has looked at it yet. */
  accepted: number
  /** A task waits on each of its three channels. */
  dispatched: number
}

/** @param counted with an API and without workers; afterwards it has none in Redis or MySQL of what was posted */
export async function measureWaitingMemory(
  counted: CountedSystem,
  call: ApiCaller,
  messages: number,
): Promise<WaitingMemory> {
  const { system } = counted
  await forgetMessages(system)
  await forgetJobs(system)
  const redis = new Redis(system.variables.REDIS_URL ?? '', { maxRetriesPerRequest: null })
  const prefix = system.variables.QUEUE_PREFIX ?? ''
  const queues = THREE_CHANNELS.map(
    (type) => new Queue(`channel.${type}`, { connection: redis, prefix, skipMetasUpdate: true }),
  )
  try {
    const empty = await bytesOf(redis, prefix)
    await postOneByOne([call], messages, () => benchMessage(THREE_CHANNELS))
    const accepted = await untilSteady(() => bytesOf(redis, prefix))
    const worker = await counted.startWorker({ WORKER_QUEUES: 'pipeline' })
    await until('all tasks to wait', async () =>
      (await Promise.all(queues.map((queue) => queue.count()))).every((n) => n >= messages),
    )
    const dispatched = await untilSteady(() => bytesOf(redis, prefix))
    await worker.stop()
    const each = (bytes: number) => (bytes - empty) / messages
    return { messages, accepted: each(accepted), dispatched: each(dispatched) }
  } finally {
    await Promise.all(queues.map((queue) => queue.close()))
    redis.disconnect()
  }
}

/** What the keys of a system take, their values whole. */
async function bytesOf(redis: Redis, prefix: string): Promise<number> {
  let bytes = 0
  for await (const keys of redis.scanStream({ match: `${prefix}:*`, count: 1000 }) as AsyncIterable<string[]>) {
    const sizes = redis.pipeline()
    for (const key of keys) sizes.memory('USAGE', key, 'SAMPLES', 0)
    // A key that has gone meanwhile has no size.
    for (const [error, size] of (await sizes.exec()) ?? []) bytes += error ? 0 : Number(size ?? 0)
  }
  return bytes
}

/** What is still being written has no size yet. */
async function untilSteady(measure: () => Promise<number>): Promise<number> {
  let last = await measure()
  return await until('the keys to stay as they are', async () => {
    const now = await measure()
    const isSteady = now === last
    last = now
    return isSteady && now
  })
}
