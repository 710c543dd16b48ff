import { readFileSync } from 'node:fs'
import type { Env } from '../settings/env.ts'
import { queuePrefix } from './queues.ts'
import type { RedisConnection } from './redis.ts'
import { createScript } from './redis-script.ts'

/** A part of Redis that may lack what was written to it, and the server process that is to be told when it is rebuilt. */
export interface LostPart {
  key: string
  runId: string
}

/**
 * Notice of what Redis has lost. Each slot that queues live in holds a marker with the run id of its server. The marker is gone:
 * Redis was emptied. It names another server process: this one was restarted, and has lost what was not on its disk as yet, or is
 * a replica that took over, and lacks what had not reached it. Neither has to have lost anything; it cannot be told from outside.
 */
export interface LossMarkers {
  /** @throws whatever Redis throws */
  lost(): Promise<LostPart[]>
  /** Everything is in place again. A part that has changed once more meanwhile stays lost. */
  rebuilt(parts: readonly LostPart[]): Promise<void>
}

const runMarker = createScript(readFileSync(new URL('./loss-marker.lua', import.meta.url), 'utf8'))

/** @param queues their names */
export function createLossMarkers(
  env: Pick<Env, 'queuePrefix' | 'redisClusterNodes'>,
  redis: RedisConnection,
  queues: () => readonly string[],
): LossMarkers {
  return {
    async lost() {
      const prefixes = new Set([env.queuePrefix, ...queues().map((queue) => queuePrefix(env, queue))])
      const parts = await Promise.all([...prefixes].map((prefix) => look(redis, `${prefix}:marker`)))
      return parts.filter((part) => part !== undefined)
    },
    async rebuilt(parts) {
      await Promise.all(parts.map(({ key, runId }) => runMarker(redis, [key], [runId])))
    },
  }
}

async function look(redis: RedisConnection, key: string): Promise<LostPart | undefined> {
  const [marker, runId] = (await runMarker(redis, [key], [''])) as [marker: string, runId: string]
  return marker === runId ? undefined : { key, runId }
}
