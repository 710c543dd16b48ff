import { readdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Rig } from '../rig.ts'
import { diskFull } from './disk-full.ts'
import type { FaultKind } from './fault-kind.ts'
import { restartIfEnded, restartServer } from './restart-server.ts'

const TARGET = 'redis'
/** Redis 7's folder of append-only files. */
const LOGS = 'appendonlydir'

export const redisRestart: FaultKind = {
  name: 'redis-restart',
  lastsMs: 15_000,
  aim(random, rig) {
    const { redis } = rig
    const signal = random.pick(['SIGTERM', 'SIGKILL'] as const)
    const awayMs = random.between(0, 4_000)
    return {
      target: TARGET,
      detail: `${signal}, away for ${(awayMs / 1000).toFixed(1)} s`,
      async inject() {
        await redis.stop(signal)
        await delay(awayMs)
        await startAgain(rig)
      },
    }
  },
}

export const redisFlush: FaultKind = {
  name: 'redis-flush',
  lastsMs: 5_000,
  aim: (_random, { redis }) => ({
    target: TARGET,
    detail: 'FLUSHALL',
    async inject() {
      const connection = new Redis(redis.url, { maxRetriesPerRequest: 3 })
      // The command that fails says it.
      connection.on('error', () => undefined)
      try {
        await connection.flushall()
      } finally {
        connection.disconnect()
      }
    },
  }),
}

/** What a machine that loses its power may lose of an append-only file that is synced once a second. */
export const redisLoseSecond: FaultKind = {
  name: 'redis-lose-second',
  lastsMs: 15_000,
  aim: (_random, rig) => ({
    target: TARGET,
    detail: 'kill -9, the last second of the append-only file is gone',
    async inject() {
      const { redis, redisFolder } = rig
      const before = newestLog(redisFolder)
      await delay(1_000)
      await redis.stop('SIGKILL')
      const after = newestLog(redisFolder)
      // Just rewritten: then its whole newest file is younger than a second.
      truncateSync(after.path, after.path === before.path ? Math.min(before.size, after.size) : 0)
      await startAgain(rig)
    },
  }),
}

/** The file that is being written to. */
function newestLog(folder: string): { path: string; size: number } {
  const logs = join(folder, LOGS)
  const files = readdirSync(logs)
    .filter((name) => name.endsWith('.incr.aof'))
    .map((name) => ({ path: join(logs, name), ...statSync(join(logs, name)) }))
  const [newest] = files.toSorted((a, b) => b.mtimeMs - a.mtimeMs)
  if (!newest) throw new Error(`no append-only file in ${logs}`)
  return newest
}

export const redisDiskFull = diskFull({
  server: TARGET,
  lastsMs: 20_000,
  fullMs: [4_000, 9_000],
  restart: (rig) => restartIfEnded(rig.redis, () => startAgain(rig)),
})

/** A disk that was full may leave a file that Redis does not take: then it starts with none, as after any loss. */
async function startAgain({ redis, redisFolder }: Pick<Rig, 'redis' | 'redisFolder'>): Promise<void> {
  try {
    await restartServer(redis)
  } catch (error) {
    if (!/Bad file format/.test(String(error))) throw error
    rmSync(join(redisFolder, LOGS), { recursive: true })
    await restartServer(redis)
  }
}
