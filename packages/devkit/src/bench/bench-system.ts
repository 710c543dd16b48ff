import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { startApp } from '../services/app-process.ts'
import { freePort } from '../services/ports.ts'
import { createConfig, createTemplate } from '../testing/demo-tenant.ts'
import type { AppProcess, TestSystem } from '../testing/test-system.ts'

export const BUSINESS_TYPE = 'BENCH'

/** A message body of about 1 KB, each with an id of its own. */
export function benchMessage() {
  return {
    messageId: randomUUID(),
    businessType: BUSINESS_TYPE,
    businessData: { orderNo: randomUUID(), userId: 'u1', filler: 'x'.repeat(850) },
  }
}

/** Three channels that all go over HTTP to the sandbox: two DingTalk robots would share a channel, so one of them is WeCom. */
export async function setUpBenchTenant(system: TestSystem): Promise<void> {
  const call = system.caller()
  for (const channelType of ['DINGTALK', 'WECHAT_WORK', 'LOCAL']) {
    await createConfig(call, channelType, { rateLimitCount: 1_000_000 })
    await createTemplate(call, BUSINESS_TYPE, channelType)
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
    log: `/tmp/message-center-bench-${name}.log`,
  })
  return { ...app, url }
}

/** Counts what clients sent to Redis so far, all commands; what scripts do inside is counted by Redis too, so it is left out. */
export async function redisCommands(redisUrl: string): Promise<number> {
  const redis = new Redis(redisUrl)
  try {
    const stats = await redis.info('commandstats')
    const calls = new Map(
      [...stats.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)].map(([, name = '', count]) => [name, Number(count)]),
    )
    return clientCommands(calls)
  } finally {
    redis.disconnect()
  }
}

/** Commands that only clients send here: our scripts and BullMQ's never call these. */
function clientCommands(calls: ReadonlyMap<string, number>): number {
  const sentByClients = ['evalsha', 'eval', 'bzpopmin', 'multi', 'exec', 'publish', 'ping', 'script|load', 'hmget']
  return sentByClients.reduce((sum, name) => sum + (calls.get(name) ?? 0), 0)
}

/** Statements that the server has executed for clients so far. */
export async function sqlStatements({ pool }: TestSystem): Promise<number> {
  const [rows] = await pool.query("SHOW GLOBAL STATUS LIKE 'Questions'")
  return Number((rows as { Value: string }[])[0]?.Value ?? 0)
}
