import type { ApiCaller } from '../testing/api-caller.ts'
import { benchMessage } from './bench-system.ts'
import type { CountedSystem } from './counted-system.ts'
import { type Sent, sentBetween, totalOf } from './counting/counting-proxy.ts'
import { NOT_STATEMENTS } from './counting/mysql-commands.ts'
import { cpuBetween, cpuSeconds } from './cpu-time.ts'
import { untilFinal } from './measure-end-to-end.ts'
import { postOneByOne } from './post-messages.ts'

/** What a message costs, on whatever machine; everything is per message, what runs in the background included. */
export interface Cost {
  messages: number
  channels: readonly string[]
  tenants: number
  /** Commands that clients sent to Redis. */
  redisCommands: number
  sqlStatements: number
  /** Commands and statements by name, and what was sent. */
  redis: Sent
  mysql: Sent
  /** Of the API and the worker, user and system; undefined where the machine does not tell. */
  apiCpuMs: number | undefined
  workerCpuMs: number | undefined
}

/**
 * Posts so many messages by calls of their own, the tenants in turn, and waits until all are final.
 * @param groupSize messages that may be under way together, posted by 64 calls at once; all without it
 */
export async function measureCost(
  { system, sent }: CountedSystem,
  calls: readonly ApiCaller[],
  channels: readonly string[],
  messages: number,
  groupSize = messages,
): Promise<Cost> {
  const pids = (apps: readonly { pid: number }[]) => apps.map(({ pid }) => pid)
  const parts = { api: pids(system.apis), worker: pids(system.workers) }
  const [before, cpuBefore] = [sent(), cpuSeconds(parts)]
  for (let posted = groupSize; posted <= messages; posted += groupSize) {
    await postOneByOne(calls, groupSize, () => benchMessage(channels))
    await untilFinal(system, 300_000)
  }
  const [after, cpuAfter] = [sent(), cpuSeconds(parts)]
  const redis = sentBetween(before.redis, after.redis, messages)
  const mysql = sentBetween(before.mysql, after.mysql, messages)
  const cpu = cpuBetween(cpuBefore, cpuAfter, messages / 1000)
  return {
    messages,
    channels,
    tenants: calls.length,
    redisCommands: totalOf(redis),
    sqlStatements: totalOf(mysql, NOT_STATEMENTS),
    redis,
    mysql,
    apiCpuMs: cpu.api,
    workerCpuMs: cpu.worker,
  }
}
