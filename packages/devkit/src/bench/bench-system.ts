import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { RowDataPacket } from 'mysql2/promise'
import { createSandboxClient } from '../sandbox/client.ts'
import type { RunningSandbox } from '../sandbox/start.ts'
import { startApp } from '../services/app-process.ts'
import { freePort } from '../services/ports.ts'
import type { ServiceProcess, Services } from '../services/services.ts'
import type { ApiCaller } from '../testing/api-caller.ts'
import { createConfig, createTemplate } from '../testing/demo-tenant.ts'
import { type AppProcess, startTestSystem, type TestSystem } from '../testing/test-system.ts'

/** What every measurement of a run is given. */
export interface Bench {
  services: Pick<Services, 'databaseUrl' | 'redisUrl'> & { processes: readonly ServiceProcess[] }
  sandbox: RunningSandbox & { pid: number }
  quick: boolean
}

/** A line of the table: what was measured, the figure, and what is aimed at. */
export type Row = [what: string, figure: string, aim?: string]

/** What a part of the bench hands back: lines for people, figures for the file. */
export interface Measured {
  rows: Row[]
  results: object
}

export const BUSINESS_TYPE = 'BENCH'
/** Three channels that go over HTTP to the sandbox. */
export const THREE_CHANNELS: readonly string[] = ['DINGTALK', 'WECHAT_WORK', 'HTTP_1']
export const TEN_CHANNELS: readonly string[] = [
  ...THREE_CHANNELS,
  ...Array.from({ length: 7 }, (_, n) => `HTTP_${n + 2}`),
]
/** What a message goes to by default in the product: the inbox is written to MySQL. */
export const BUILT_IN_CHANNELS: readonly string[] = ['DINGTALK', 'WECHAT_WORK', 'LOCAL']

/** A message body of about 1 KB, each with an id of its own. */
export function benchMessage(targetChannels: readonly string[]) {
  return {
    messageId: randomUUID(),
    businessType: BUSINESS_TYPE,
    businessData: { orderNo: randomUUID(), userId: 'u1', filler: 'x'.repeat(850) },
    targetChannels,
  }
}

/** A system of its own, which knows the bench's HTTP channels. */
export function startBenchSystem(
  { services, sandbox }: { services: Omit<Bench['services'], 'processes'>; sandbox: RunningSandbox },
  { variables = {}, ...processes }: { apis?: number; workers?: number; variables?: Record<string, string> } = {},
): Promise<TestSystem> {
  const module = new URL('./http-channel.ts', import.meta.url)
  const types = TEN_CHANNELS.filter((type) => type.startsWith('HTTP_'))
  const adapters = { CHANNEL_ADAPTERS: types.map((type) => `${module}?type=${type}`).join(',') }
  const { databaseUrl, redisUrl } = services
  return startTestSystem({
    ...{ databaseUrl, redisUrl, ...processes },
    variables: { ...adapters, ...variables },
    // It outlives the system.
    sandbox: { ...sandbox, async stop() {} },
  })
}

/** Gives a tenant a config and a template for each of the channels. */
export async function setUpTenant(
  system: TestSystem,
  channelTypes: readonly string[],
  tenantId = '1',
): Promise<ApiCaller> {
  const call = system.caller({ tenantId })
  for (const channelType of channelTypes) {
    const url = `${system.sandbox.url}/dingtalk/robot/send?access_token=bench-${channelType}`
    const settings = channelType.startsWith('HTTP_') ? { configJson: { url } } : {}
    await createConfig(call, channelType, { rateLimitCount: 1_000_000, ...settings })
    await createTemplate(call, BUSINESS_TYPE, channelType)
  }
  return call
}

/** Sets system configs for everybody. */
export async function setSettings(system: TestSystem, values: Record<string, unknown>): Promise<void> {
  const platform = system.caller({ roles: ['platform', 'admin'] })
  for (const [key, value] of Object.entries(values)) {
    const { status } = await platform('PUT', `/api/system-configs/${key}?tenantId=0`, { value })
    if (status !== 200) throw new Error(`${key} was answered ${status}`)
  }
}

/**
 * Forgets all messages, so that the next round starts where the last did. No worker may have any of them in hand. Ids go on: a
 * task with an id that was there before would find its job's id taken by a finished job that is kept for people.
 */
export async function forgetMessages({ pool }: TestSystem): Promise<void> {
  await pool.query('TRUNCATE msg_message_key')
  for (const table of ['msg_message', 'msg_channel_task']) {
    const [[row]] = await pool.query<RowDataPacket[]>(`SELECT MAX(id) AS last FROM ${table}`)
    if (row?.last === null) continue
    await pool.query(`TRUNCATE ${table}`)
    await pool.query(`ALTER TABLE ${table} AUTO_INCREMENT = ?`, [Number(row?.last) + 1])
  }
}

/** Forgets what is in Redis, too, of a system without workers: they would take it for a Redis that was lost. */
export async function forgetJobs({ variables }: TestSystem): Promise<void> {
  const redis = new Redis(variables.REDIS_URL ?? '')
  for await (const keys of redis.scanStream({ match: `${variables.QUEUE_PREFIX}:*`, count: 1000 })) {
    if (keys.length > 0) await redis.unlink(...keys)
  }
  redis.disconnect()
}

/** Starts the sandbox as a process of its own. */
export async function startSandboxProcess(): Promise<Bench['sandbox']> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const { pid, stop } = await startApp({
    name: 'sandbox',
    script: 'packages/devkit/src/sandbox/main.ts',
    env: { SANDBOX_PORT: String(port) },
    readyUrl: `${url}/sandbox/counters`,
    log: logFile('sandbox'),
  })
  return {
    url,
    pid,
    client: createSandboxClient(url),
    async stop() {
      await stop()
    },
  }
}

/** Starts a peer of the bench and waits until it is ready. */
export async function startPeer(name: string, env: Record<string, string>): Promise<AppProcess> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const app = await startApp({
    name,
    script: `packages/devkit/src/bench/peers/${name}.ts`,
    env: { PORT: String(port), ...env },
    readyUrl: `${url}/health/ready`,
    log: logFile(name),
  })
  return { ...app, url }
}

function logFile(name: string): string {
  return join(tmpdir(), `message-center-bench-${process.pid}-${name}.log`)
}
