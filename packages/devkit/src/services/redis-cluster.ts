import { join } from 'node:path'
import { Redis } from 'ioredis'
import { until } from '../testing/until.ts'
import { freePort } from './ports.ts'
import { type RedisServer, startRedis } from './redis.ts'

/** A private Redis Cluster on 127.0.0.1. */
export interface RedisCluster {
  /** The masters at the start, then a replica of each in the same order. */
  servers: RedisServer[]
  /** As `REDIS_CLUSTER_NODES` wants it. */
  nodes: string
  stop(): Promise<void>
}

const SLOTS = 16_384
/** A master that is silent for so long is replaced. Short: tests wait for it. */
const NODE_TIMEOUT_MS = 2_000

/**
 * Starts a Redis Cluster (Redis 7 or later): masters that share the slots evenly, and one replica of each.
 * @throws Error when the machine has no Redis
 */
export async function startRedisCluster({
  dir,
  masters = 3,
}: {
  dir: string
  masters?: number
}): Promise<RedisCluster> {
  const servers = await Promise.all(
    Array.from({ length: 2 * masters }, async (_, index) => startNode(join(dir, `node-${index + 1}`))),
  )
  const admins = servers.map(({ url }) => new Redis(url))
  try {
    await meet(admins, servers)
    await shareSlots(admins.slice(0, masters))
    await until('every replica to follow its master', () => follow(admins.slice(0, masters), admins.slice(masters)))
    await until('the cluster to be whole', async () => {
      const infos = await Promise.all(admins.map((admin) => admin.cluster('INFO')))
      return infos.every((info) => info.includes('cluster_state:ok'))
    })
  } finally {
    for (const admin of admins) admin.disconnect()
  }
  return {
    servers,
    nodes: servers.map(({ port }) => `127.0.0.1:${port}`).join(),
    async stop() {
      await Promise.all(servers.map((server) => server.stop('SIGKILL')))
    },
  }
}

/** A server of a cluster, with the port on which it talks to the other ones. */
async function startNode(dir: string): Promise<RedisServer & { busPort: number }> {
  // Not the default, 10,000 above the other: there may be no such port.
  const busPort = await freePort()
  const server = await startRedis({
    dir,
    serverOptions: [
      ...['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf', '--cluster-port', String(busPort)],
      ...['--cluster-node-timeout', String(NODE_TIMEOUT_MS)],
    ],
  })
  return Object.assign(server, { busPort })
}

/** Everybody gets to know everybody. */
async function meet(admins: readonly Redis[], servers: readonly { port: number; busPort: number }[]): Promise<void> {
  for (const { port, busPort } of servers) await admins[0]?.cluster('MEET', '127.0.0.1', port, busPort)
  await until('every node to know the others', async () => {
    const lists = await Promise.all(admins.map(nodesKnown))
    return lists.every((known) => known.length === servers.length && known.every((line) => line.includes(' connected')))
  })
}

async function nodesKnown(admin: Redis): Promise<string[]> {
  const lines = String(await admin.cluster('NODES'))
    .trim()
    .split('\n')
  return lines.filter((line) => !line.includes('handshake'))
}

async function shareSlots(masters: readonly Redis[]): Promise<void> {
  const share = Math.ceil(SLOTS / masters.length)
  for (const [index, master] of masters.entries()) {
    await master.cluster('ADDSLOTSRANGE', index * share, Math.min((index + 1) * share, SLOTS) - 1)
  }
}

/** @returns whether every replica has caught up with its master */
async function follow(masters: readonly Redis[], replicas: readonly Redis[]): Promise<boolean> {
  for (const [index, replica] of replicas.entries()) {
    const id = await masters[index]?.cluster('MYID')
    if ((await replica.role())[0] === 'master') await replica.cluster('REPLICATE', String(id))
  }
  const infos = await Promise.all(replicas.map((replica) => replica.info('replication')))
  return infos.every((info) => info.includes('master_link_status:up'))
}
