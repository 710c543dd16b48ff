import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { findRedis } from './find-server.ts'
import { type PrivateServer, startPrivateServer } from './private-server.ts'
import { redisAnswers } from './probe.ts'

export type RedisServer = PrivateServer

export interface RedisOptions {
  dir: string
  port?: number
  /** Further options of the server: `['--cluster-enabled', 'yes']` … */
  serverOptions?: string[]
}

/**
 * Starts a private Redis (or Valkey) on 127.0.0.1 that keeps its data in `dir`: append-only file, nothing evicted.
 * @throws Error when the machine has none, or with the end of its log when it does not come up
 */
export async function startRedis({ dir, port, serverOptions = [] }: RedisOptions): Promise<RedisServer> {
  const binaries = await findRedis()
  if (binaries === undefined) throw new Error('no redis-server or valkey-server on this machine')
  mkdirSync(dir, { recursive: true })
  const definition = {
    name: binaries.product,
    log: join(dir, 'redis.log'),
    ownerFile: join(dir, 'owner.json'),
    command: binaries.server,
    args: (listenOn: number) => [...redisArguments(dir, listenOn), ...serverOptions],
    url: (listenOn: number) => `redis://127.0.0.1:${listenOn}/0`,
    answers: redisAnswers,
    readyTimeoutMs: 60_000,
  }
  return await startPrivateServer(definition, port)
}

function redisArguments(dir: string, port: number): string[] {
  return [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--daemonize', 'no'],
    ...['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''],
    // BullMQ loses jobs under any other policy.
    ...['--maxmemory-policy', 'noeviction'],
    // A job stays one piece of memory rather than twenty. Redis 6 knows it by this name, later ones by both.
    ...['--hash-max-ziplist-value', '1024'],
  ]
}
