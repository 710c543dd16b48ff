import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { until } from '../testing/until.ts'
import { findRedis } from './find-server.ts'
import { type PrivateServer, startPrivateServer } from './private-server.ts'
import { redisAnswers } from './probe.ts'
import { type RedisServer, startRedis } from './redis.ts'

/** A private Redis with replicas on 127.0.0.1, watched by sentinels. */
export interface WatchedRedis {
  /** The master at the start, then its replicas. */
  servers: RedisServer[]
  /** As `REDIS_SENTINELS` and `REDIS_SENTINEL_NAME` want it. */
  sentinels: string
  name: string
  /** Whom the sentinels call the master now. */
  master(): Promise<RedisServer | undefined>
  stop(): Promise<void>
}

const NAME = 'primary'
const QUORUM = 2
/** Short: tests wait for it. */
const DOWN_AFTER_MS = 1_000
const FAILOVER_TIMEOUT_MS = 5_000

/** Starts a master, two replicas and three sentinels, and waits until the sentinels know all of them. */
export async function startWatchedRedis({ dir }: { dir: string }): Promise<WatchedRedis> {
  const first = await startRedis({ dir: join(dir, 'redis-1') })
  const replication = ['--replicaof', `127.0.0.1 ${first.port}`]
  const replicas = await Promise.all(
    [2, 3].map((number) => startRedis({ dir: join(dir, `redis-${number}`), serverOptions: replication })),
  )
  const servers = [first, ...replicas]
  const watchers = await Promise.all(
    [1, 2, 3].map((number) => startSentinel(join(dir, `sentinel-${number}`), first.port)),
  )
  const admins = watchers.map(({ url }) => new Redis(url))
  await until('the sentinels to know all servers and one another', async () => {
    const answers = await Promise.all(admins.map((admin) => admin.call('SENTINEL', 'MASTER', NAME)))
    return answers.every((answer) => {
      const text = (answer as string[]).join(' ')
      return text.includes('num-slaves 2') && text.includes('num-other-sentinels 2') && text.includes('flags master ')
    })
  })
  return {
    servers,
    sentinels: watchers.map(({ port }) => `127.0.0.1:${port}`).join(),
    name: NAME,
    async master() {
      const answer = await admins[0]?.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)
      return servers.find(({ port }) => String(port) === (answer as string[])[1])
    },
    async stop() {
      for (const admin of admins) admin.disconnect()
      await Promise.all([...watchers, ...servers].map((server) => server.stop('SIGKILL')))
    },
  }
}

async function startSentinel(dir: string, masterPort: number): Promise<PrivateServer> {
  const binaries = await findRedis()
  if (binaries === undefined) throw new Error('no redis-server or valkey-server on this machine')
  mkdirSync(dir, { recursive: true })
  // A sentinel writes what it learns into its file.
  const config = join(dir, 'sentinel.conf')
  const lines = [
    `sentinel monitor ${NAME} 127.0.0.1 ${masterPort} ${QUORUM}`,
    `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${NAME} ${FAILOVER_TIMEOUT_MS}`,
  ]
  writeFileSync(config, lines.map((line) => `${line}\n`).join(''))
  return await startPrivateServer({
    name: `${binaries.product} Sentinel`,
    log: join(dir, 'sentinel.log'),
    ownerFile: join(dir, 'owner.json'),
    command: binaries.server,
    args: (port) => [config, '--sentinel', '--port', String(port), '--bind', '127.0.0.1', '--dir', dir],
    url: (port) => `redis://127.0.0.1:${port}`,
    answers: redisAnswers,
    readyTimeoutMs: 60_000,
  })
}
