import { type JobsOptions, Queue } from 'bullmq'
import type { Env } from '../settings/env.ts'
import { type FairJob, fairPriorities } from './fair-order.ts'
import { CALLBACK_QUEUE, channelQueue, PIPELINE_QUEUE, RESULT_QUEUE, SCHEDULED_QUEUE } from './names.ts'
import type { RedisConnection } from './redis.ts'

/** A job on its way into a queue; `fair` says whose it is and how urgent. */
export interface NewJob {
  name: string
  data: object
  opts: JobsOptions
  fair: FairJob
}

export interface Queues {
  pipeline: Queue
  scheduled: Queue
  results: Queue
  callbacks: Queue
  /** The queue of a channel type. */
  channel(channelType: string): Queue
  /** Adds jobs in one call, in the fair order of tenants. A job whose id exists already is left as it is. */
  addFairly(queue: Queue, jobs: readonly NewJob[]): Promise<void>
  all(): Queue[]
  close(): Promise<void>
}

/** Nothing reads a queue's events, and BullMQ writes them all the same: its ten thousand are 0.6 MB of Redis for each queue. */
const KEPT_EVENTS = 10

/**
 * On a Redis Cluster all keys of one queue must lie in one slot; a hash tag per queue spreads the queues.
 * @returns BullMQ's `prefix` for a queue
 */
export function queuePrefix(env: Pick<Env, 'queuePrefix' | 'redisClusterNodes'>, queue: string): string {
  return env.redisClusterNodes.length > 0 ? `{${env.queuePrefix.replaceAll(/[{}]/g, '')}:${queue}}` : env.queuePrefix
}

/**
 * The producer side of every queue.
 * @param connection shared by all of them; a fail-fast one where requests wait for it
 * @param onError BullMQ reports connection trouble here
 */
export function createQueues(
  env: Pick<Env, 'queuePrefix' | 'redisClusterNodes'>,
  connection: RedisConnection,
  onError: (error: Error) => void,
): Queues {
  const queues = new Map<string, Queue>()
  const queue = (name: string): Queue => {
    let found = queues.get(name)
    if (!found) {
      found = new Queue(name, {
        connection,
        prefix: queuePrefix(env, name),
        // Waiting for a connection is the caller's decision, made by the kind of connection.
        skipWaitingForReady: true,
        // The check asks Redis once, and a queue whose question was refused stays unusable for good.
        skipVersionCheck: true,
        streams: { events: { maxLen: KEPT_EVENTS } },
      })
      found.on('error', onError)
      queues.set(name, found)
    }
    return found
  }
  // BullMQ itself says it once, when a queue is made: to a connection that does not stand yet, it says it in vain.
  connection.on('ready', () => {
    for (const each of queues.values()) {
      connection.hset(each.toKey('meta'), 'opts.maxLenEvents', KEPT_EVENTS).catch(onError)
    }
  })
  return {
    pipeline: queue(PIPELINE_QUEUE),
    scheduled: queue(SCHEDULED_QUEUE),
    results: queue(RESULT_QUEUE),
    callbacks: queue(CALLBACK_QUEUE),
    channel: (channelType) => queue(channelQueue(channelType)),
    async addFairly(target, jobs) {
      const priorities = await fairPriorities(
        connection,
        target,
        jobs.map(({ fair }) => fair),
      )
      await target.addBulk(
        jobs.map(({ name, data, opts }, index) => ({ name, data, opts: { ...opts, priority: priorities[index] } })),
      )
    },
    all: () => [...queues.values()],
    async close() {
      await Promise.all([...queues.values()].map((each) => each.close()))
    },
  }
}
