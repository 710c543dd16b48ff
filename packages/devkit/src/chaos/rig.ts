import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { createDatabasePool } from '@message-center/core/database/pool.ts'
import type { Pool } from 'mysql2/promise'
import { type RunningSandbox, startSandbox } from '../sandbox/start.ts'
import { type MysqlServer, startMysql } from '../services/mysql.ts'
import { type RedisServer, startRedis } from '../services/redis.ts'
import { createApiCaller } from '../testing/api-caller.ts'
import { createConfig, createTemplate } from '../testing/demo-tenant.ts'
import { createTestEnvironment, type TestEnvironment } from '../testing/test-environment.ts'
import { until } from '../testing/until.ts'
import { type Fleet, type Member, type MemberOptions, startFleet } from './fleet.ts'
import { mountSmallDisk, type SmallDisk } from './small-disk.ts'
import { startTcpProxy } from './tcp-proxy.ts'
import { type Way, workerAt } from './ways.ts'

/** Everything that is broken, and what it takes to break it. */
export interface Rig {
  mysql: MysqlServer
  redis: RedisServer
  /** The small disks that hold the servers' data; undefined, with the reason, where the machine lets us mount none. */
  disks: { mysql: SmallDisk; redis: SmallDisk } | { unavailable: string }
  redisFolder: string
  /** Of the system's database, straight to the server: past every fault between the parts. */
  databaseUrl: string
  /** Connections by it; they fail only while MySQL itself is away. */
  pool: Pool
  fleet: Fleet
  ways: Way[]
  /** Where clients reach the APIs. */
  apiUrls: string[]
  token: string
  sandbox: RunningSandbox
  /** The worker whose connection to the providers came from this port at this time. */
  workerAt(port: number | undefined, at: number): string | undefined
  logFolder: string
  /** @param keepLogs leaves what the processes wrote, for whoever looks into a failure */
  stop(options: { keepLogs: boolean }): Promise<void>
}

export interface RigOptions {
  folder: string
  apis: number
  workers: number
}

/** One provider call; a claim's lease is this and 5 s (apps/worker/src/delivery/claim.ts). */
export const SEND_TIMEOUT_MS = 3_000
export const LEASE_MS = SEND_TIMEOUT_MS + 5_000
/** As providers take: there are sends under way whenever something breaks. */
const PROVIDER_LATENCY_MS = 200
export const BUSINESS_TYPE = 'CHAOS'
/** Its WeCom template wants a variable that no message has. */
export const GAP_BUSINESS_TYPE = 'CHAOS_GAP'

const MYSQL_DISK_MB = 768
const REDIS_DISK_MB = 256

/** What every process is told; the rest is as in production. */
const VARIABLES = {
  SEND_TIMEOUT_MS: String(SEND_TIMEOUT_MS),
  CHANNEL_CONCURRENCY: '20',
  // Many short retries: a run ends within a minute of its last fault, and gives nothing up.
  RETRY_MAX: '12',
  RETRY_INITIAL_DELAY_MS: '300',
}

type Undo = (() => unknown)[]

/** Starts servers, proxies, sandbox and processes, and sets up a tenant with three channels. */
export async function startRig(options: RigOptions): Promise<Rig> {
  const undo: Undo = []
  try {
    return await build(options, undo)
  } catch (error) {
    await undoAll(undo)
    throw error
  }
}

async function build({ folder, apis, workers }: RigOptions, undo: Undo): Promise<Rig> {
  const servers = await startServers(folder, undo)
  const sandbox = await startSandbox()
  undo.push(() => sandbox.stop())
  await sandbox.client.settings({ latencyMs: PROVIDER_LATENCY_MS })
  const { mysql, redis } = servers
  const environment = await createTestEnvironment({ databaseUrl: mysql.url, redisUrl: redis.url }, VARIABLES)
  const databaseUrl = environment.variables.DATABASE_URL ?? ''
  const pool = createDatabasePool({ databaseUrl, databaseSsl: 'off', databaseSslCa: undefined }, 4)
  undo.push(() => pool.end())

  const ways: Way[] = []
  undo.push(() => {
    for (const { proxy } of ways) proxy.stop()
  })
  const parts = { mysql: mysql.port, redis: redis.port, provider: Number(new URL(sandbox.url).port) }
  const members = [...named('api', apis), ...named('worker', workers)]
  const options = await Promise.all(members.map((member) => throughProxies(member, parts, environment, ways)))
  const fleet = await startFleet(options, environment.logFolder)
  undo.push(() => fleet.stop())
  await until('every process to be ready', async () => (await Promise.all(fleet.members.map(isReady))).every(Boolean))
  const apiUrls = await openFronts(fleet, ways)
  await setUpTenant(apiUrls[0] ?? '', environment.token())
  return {
    ...servers,
    databaseUrl,
    pool,
    fleet,
    ways,
    apiUrls,
    token: environment.token(),
    sandbox,
    workerAt: (port, at) => workerAt(ways, port, at),
    logFolder: environment.logFolder,
    async stop({ keepLogs }) {
      try {
        await fleet.stop()
        if (!keepLogs) await environment.remove()
      } finally {
        await undoAll(undo)
      }
    },
  }
}

function named(kind: Member['kind'], count: number) {
  return Array.from({ length: count }, (_, index) => ({ kind, name: `${kind}-${index + 1}` }))
}

async function startServers(
  folder: string,
  undo: Undo,
): Promise<Pick<Rig, 'mysql' | 'redis' | 'disks' | 'redisFolder'>> {
  const folders = { mysql: join(folder, 'mysql'), redis: join(folder, 'redis') }
  for (const path of Object.values(folders)) mkdirSync(path, { recursive: true, mode: 0o700 })
  const disks = await mountDisks(folders, undo)
  const mysql = await startMysql({ dir: folders.mysql })
  undo.push(() => mysql.stop())
  const redis = await startRedis({ dir: folders.redis })
  undo.push(() => redis.stop())
  return { mysql, redis, disks, redisFolder: folders.redis }
}

const isReady = (member: Member) => member.isReady()

async function undoAll(undo: Undo): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step()
}

async function mountDisks(folders: { mysql: string; redis: string }, undo: Undo): Promise<Rig['disks']> {
  const mysql = await mountSmallDisk(folders.mysql, MYSQL_DISK_MB)
  if ('unavailable' in mysql) return mysql
  undo.push(() => mysql.unmount())
  const redis = await mountSmallDisk(folders.redis, REDIS_DISK_MB)
  if ('unavailable' in redis) return redis
  undo.push(() => redis.unmount())
  return { mysql, redis }
}

/** Gives a process its own way to each part, so that one can be bad while the others are good. */
async function throughProxies(
  { name, kind }: Pick<Member, 'name' | 'kind'>,
  parts: { mysql: number; redis: number; provider: number },
  { variables }: TestEnvironment,
  ways: Way[],
): Promise<MemberOptions> {
  const open = async (part: keyof typeof parts) => {
    const proxy = await startTcpProxy(() => parts[part])
    ways.push({ name: `${name}→${part}`, proxy })
    return proxy.port
  }
  const database = new URL(variables.DATABASE_URL ?? '')
  database.port = String(await open('mysql'))
  const redis = new URL(variables.REDIS_URL ?? '')
  redis.port = String(await open('redis'))
  const provider = kind === 'worker' ? `http://127.0.0.1:${await open('provider')}` : 'http://127.0.0.1'
  const urls = {
    DATABASE_URL: database.href,
    REDIS_URL: redis.href,
    DINGTALK_BASE_URL: `${provider}/dingtalk`,
    DINGTALK_API_BASE_URL: `${provider}/dingtalk`,
    WECHAT_WORK_BASE_URL: `${provider}/wecom`,
  }
  return { name, kind, variables: { ...variables, ...urls } }
}

/** One way for the clients to each API, which leads to whichever process it is just now. */
async function openFronts(fleet: Fleet, ways: Way[]): Promise<string[]> {
  const apis = fleet.members.filter(({ kind }) => kind === 'api')
  return Promise.all(
    apis.map(async ({ name, port }) => {
      const proxy = await startTcpProxy(port)
      ways.push({ name: `client→${name}`, proxy })
      return `http://127.0.0.1:${proxy.port}`
    }),
  )
}

async function setUpTenant(apiUrl: string, token: string): Promise<void> {
  const call = createApiCaller(apiUrl, token)
  for (const channel of ['DINGTALK', 'WECHAT_WORK', 'LOCAL']) {
    await createConfig(call, channel)
    await createTemplate(call, BUSINESS_TYPE, channel)
    const gap =
      channel === 'WECHAT_WORK' ? { templateContent: `${GAP_BUSINESS_TYPE} \${orderNo} \${nobodyHasThis}` } : {}
    await createTemplate(call, GAP_BUSINESS_TYPE, channel, gap)
  }
}

/** Removes the folder of a rig that has stopped. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
}
