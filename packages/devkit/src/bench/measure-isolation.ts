import { randomUUID } from 'node:crypto'
import type { FaultRule } from '../sandbox/faults.ts'
import type { ApiCaller } from '../testing/api-caller.ts'
import { allFinal } from '../testing/deliveries.ts'
import { createConfig, createTemplate } from '../testing/demo-tenant.ts'
import type { TestSystem } from '../testing/test-system.ts'
import { until } from '../testing/until.ts'
import { redisCommands } from './bench-system.ts'
import { type Latency, latencyOf } from './measure-idle-latency.ts'

/** How others fare beside a config whose provider is sick, and what the waiting costs. */
export interface Isolation {
  sickness: string
  /** Messages of the sick config that wait meanwhile. */
  waiting: number
  /** p99 of single messages, by whose they are: on a quiet system and beside the sick config. */
  victims: Record<string, { quiet: Latency; beside: Latency; p99Ratio: number }>
  redisCommandsPerSecond: number
  /** Share of one core that the worker uses, while nothing but the waiting goes on. */
  workerCpuShare: number
  /** From the provider's recovery until everything that waited has been sent. */
  recoverySeconds: number
}

const SICK_ROBOT = 'bench-sick'
const SICK_STORE = '1'
/** Longer than a hanging send: waits and time-outs are both in it. */
const IDLE_WATCH_MS = 15_000
const BATCH = 500

const SICKNESSES: Record<string, FaultRule> = {
  'hangs, one config': { match: { token: SICK_ROBOT }, fault: { kind: 'hang' } },
  'drops connections, one config': { match: { token: SICK_ROBOT }, fault: { kind: 'drop' } },
  'answers garbage, one config': { match: { token: SICK_ROBOT }, fault: { kind: 'garbage', form: 'broken-json' } },
  'hangs, whole provider': { match: { provider: 'dingtalk' }, fault: { kind: 'hang' } },
}

/** Each sickness with `waiting` messages before it, and `samples` single messages of each victim beside it. */
export async function measureIsolation(
  system: TestSystem,
  redisUrl: string,
  { waiting, samples }: { waiting: number; samples: number },
): Promise<Isolation[]> {
  const victims = await setUp(system)
  const results: Isolation[] = []
  for (const [sickness, rule] of Object.entries(SICKNESSES)) {
    const spared = Object.entries(victims).filter(
      ([, { channelType }]) => !rule.match?.provider || channelType !== 'DINGTALK',
    )
    const quiet = await measureAll(system, spared, samples)
    const fault = await system.sandbox.client.addFault(rule)
    await postSick(system, waiting)
    const beside = await measureAll(system, spared, samples)
    const idle = await watchIdle(system, redisUrl)
    await system.sandbox.client.removeFault(fault)
    const recoverySeconds = await recovery(system)
    const ratios = spared.map(([name], index) => compare(name, quiet[index], beside[index]))
    results.push({ sickness, waiting, victims: Object.fromEntries(ratios), ...idle, recoverySeconds })
  }
  return results
}

type Victim = { call: ApiCaller; channelType: string; store?: string }

/** The sick config is of a store; beside it the tenant's own config of the channel, its other channel, and another tenant. */
async function setUp(system: TestSystem): Promise<Record<string, Victim>> {
  const [own, other] = ['901', '902'].map((tenantId) => system.caller({ tenantId })) as [ApiCaller, ApiCaller]
  for (const call of [own, other]) {
    for (const channelType of ['DINGTALK', 'WECHAT_WORK']) {
      await createConfig(call, channelType)
      await createTemplate(call, 'BENCH', channelType)
    }
  }
  await createConfig(own, 'DINGTALK', {
    storeId: SICK_STORE,
    configJson: { mode: 'robot', accessToken: SICK_ROBOT },
    // Whatever fails is to wait again soon, so that the sickness lasts for as long as is measured.
    retry: { max: 100, initialDelayMs: 1_000 },
  })
  return {
    'other config': { call: own, channelType: 'DINGTALK' },
    'other tenant': { call: other, channelType: 'DINGTALK' },
    'other channel': { call: own, channelType: 'WECHAT_WORK' },
  }
}

async function measureAll(system: TestSystem, victims: [string, Victim][], samples: number): Promise<Latency[]> {
  const measured: Latency[] = []
  for (const [, victim] of victims) {
    const latencies: number[] = []
    for (let sample = 0; sample < samples; sample++) latencies.push(await measureOne(system, victim))
    measured.push(latencyOf(latencies))
  }
  return measured
}

async function measureOne(system: TestSystem, { call, channelType }: Victim): Promise<number> {
  const orderNo = randomUUID()
  const postedAt = performance.timeOrigin + performance.now()
  const targetChannels = [channelType]
  await call('POST', '/api/messages', { businessType: 'BENCH', businessData: { orderNo }, targetChannels })
  await system.sandbox.client.wait({ contains: orderNo, count: 1, timeoutMs: 60_000 })
  const [arrived] = await system.sandbox.client.messages({ contains: orderNo })
  return (arrived?.at ?? Number.NaN) - postedAt
}

async function postSick(system: TestSystem, count: number): Promise<void> {
  const call = system.caller({ tenantId: '901' })
  for (let sent = 0; sent < count; sent += BATCH) {
    const messages = Array.from({ length: Math.min(BATCH, count - sent) }, () => ({
      businessType: 'BENCH',
      storeId: SICK_STORE,
      businessData: { orderNo: randomUUID() },
      targetChannels: ['DINGTALK'],
    }))
    await call('POST', '/api/messages/batch', messages)
  }
  await until('the pipeline to be through', async () => {
    const [rows] = await system.pool.query("SELECT 1 FROM msg_message WHERE status = 'PENDING' LIMIT 1")
    return (rows as unknown[]).length === 0
  })
}

async function watchIdle(system: TestSystem, redisUrl: string) {
  const cpuSeconds = () => Promise.all(system.workers.map(({ url }) => cpuSecondsOf(url)))
  const [commands, cpu] = [await redisCommands(redisUrl), await cpuSeconds()]
  const start = performance.now()
  await new Promise((resolve) => setTimeout(resolve, IDLE_WATCH_MS))
  const seconds = (performance.now() - start) / 1000
  const used = (await cpuSeconds()).map((after, index) => after - (cpu[index] ?? 0))
  return {
    redisCommandsPerSecond: ((await redisCommands(redisUrl)) - commands) / seconds,
    workerCpuShare: Math.max(...used) / seconds,
  }
}

async function cpuSecondsOf(workerUrl: string): Promise<number> {
  const text = await (await fetch(`${workerUrl}/metrics`)).text()
  return Number(/^process_cpu_seconds_total (\S+)/m.exec(text)?.[1] ?? Number.NaN)
}

async function recovery(system: TestSystem): Promise<number> {
  const start = performance.now()
  await allFinal(system.pool, '901', 600_000)
  return (performance.now() - start) / 1000
}

function compare(name: string, quiet: Latency | undefined, beside: Latency | undefined) {
  if (!quiet || !beside) throw new Error(`nothing was measured for ${name}`)
  return [name, { quiet, beside, p99Ratio: beside.p99Ms / quiet.p99Ms }] as const
}
