import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import type { RowDataPacket } from 'mysql2/promise'
import type { FaultRule } from '../sandbox/faults.ts'
import type { ApiCaller } from '../testing/api-caller.ts'
import { allFinal } from '../testing/deliveries.ts'
import { createConfig, createTemplate } from '../testing/demo-tenant.ts'
import type { TestSystem } from '../testing/test-system.ts'
import { until } from '../testing/until.ts'
import { type Bench, BUSINESS_TYPE, type Measured, type Row, startBenchSystem } from './bench-system.ts'
import { type CountedSystem, countSystem } from './counted-system.ts'
import { sentBetween, totalOf } from './counting/counting-proxy.ts'
import { measureOneByOne } from './measure-latency.ts'
import { amount } from './report.ts'
import type { Latency } from './statistics.ts'

/** How others fare beside a config whose provider is sick, and what the waiting costs. */
interface Isolation {
  sickness: string
  /** Messages of the sick config that wait meanwhile. */
  waiting: number
  /** p99 of single messages, by whose they are: on a quiet system and beside the sick config. */
  victims: Record<string, { quiet: Latency; beside: Latency; p99Ratio: number }>
  redisCommandsPerSecond: number
  /** Share of one core that the worker uses, while nothing but the waiting goes on. */
  workerCpuShare: number
  /** From the recovery of one that hung until everything that waited has been sent. */
  recoverySeconds?: number
}

const SICK_STORE = '1'
/** Longer than a hanging send: waits and time-outs are both in it. */
const IDLE_WATCH_MS = 15_000
const BATCH = 500
const WARM_UP_SAMPLES = 30

const SICKNESSES: { sickness: string; fault: FaultRule['fault']; wholeProvider?: true }[] = [
  { sickness: 'one config hangs', fault: { kind: 'hang' } },
  { sickness: 'one config drops connections', fault: { kind: 'drop' } },
  { sickness: 'one config answers 500', fault: { kind: 'http', status: 500 } },
  { sickness: 'one config answers garbage', fault: { kind: 'garbage', form: 'broken-json' } },
  { sickness: 'the whole provider hangs', fault: { kind: 'hang' }, wholeProvider: true },
]

/** How others fare beside a config, or a provider, that is sick. */
export async function measureIsolation(bench: Bench): Promise<Measured> {
  const counted = await countSystem(bench, await startBenchSystem(bench, { apis: 0, workers: 0 }))
  try {
    await counted.startApi()
    await counted.startWorker()
    const size = bench.quick ? { waiting: 1_000, samples: 50 } : { waiting: 10_000, samples: 200 }
    const results: Isolation[] = []
    for await (const result of isolations(counted, size)) results.push(result)
    return { rows: results.flatMap(rowsOf), results }
  } finally {
    await counted.stop()
  }
}

function rowsOf({
  sickness,
  waiting,
  victims,
  redisCommandsPerSecond,
  workerCpuShare,
  recoverySeconds,
}: Isolation): Row[] {
  const share = `${amount(workerCpuShare * 100)} % of a core`
  const rows: Row[] = [[sickness, `${waiting} messages wait`]]
  for (const [name, { quiet, beside, p99Ratio }] of Object.entries(victims)) {
    const figures = `p99 ${amount(beside.p99Ms)} ms, quiet ${amount(quiet.p99Ms)} ms; ratio ${amount(p99Ratio)}`
    rows.push([`  ${name}: POST to provider`, figures])
  }
  rows.push(['  the waiting itself', `${amount(redisCommandsPerSecond)} Redis commands/s, ${share}`])
  if (recoverySeconds !== undefined) rows.push(['  all sent after its recovery', `${amount(recoverySeconds)} s`])
  return rows
}

/** Each sickness with `waiting` messages before it, and `samples` single messages of each victim beside it. */
async function* isolations(
  counted: CountedSystem,
  { waiting, samples }: { waiting: number; samples: number },
): AsyncGenerator<Isolation> {
  const { system } = counted
  // The first messages of a process find nothing compiled, cached or connected.
  await measureAll(system, (await setUp(system, 890)).victims, WARM_UP_SAMPLES)
  for (const [index, { sickness, fault, wholeProvider }] of SICKNESSES.entries()) {
    // Each has tenants of its own: what an earlier one left waiting is no concern of theirs.
    const { tenantId, robot, victims } = await setUp(system, 900 + 2 * index)
    const spared = victims.filter(({ channelType }) => !wholeProvider || channelType !== 'DINGTALK')
    const quiet = await measureAll(system, spared, samples)
    const match = wholeProvider ? { provider: 'dingtalk' as const } : { token: robot }
    const id = await system.sandbox.client.addFault({ match, fault })
    await postSick(system, tenantId, waiting)
    const beside = await measureAll(system, spared, samples)
    const idle = await watchIdle(counted)
    await system.sandbox.client.removeFault(id)
    const recovery = fault.kind === 'hang' ? { recoverySeconds: await recoveryOf(system, tenantId) } : {}
    const ratios = spared.map(({ name }, at) => compare(name, quiet[at], beside[at]))
    yield { sickness, waiting, victims: Object.fromEntries(ratios), ...idle, ...recovery }
  }
}

interface Victim {
  name: string
  call: ApiCaller
  channelType: string
}

/** The sick config is of a store; beside it the tenant's own config of the channel, its other channel, and another tenant. */
async function setUp(system: TestSystem, firstTenant: number) {
  const tenantId = String(firstTenant)
  const own = system.caller({ tenantId })
  const other = system.caller({ tenantId: String(firstTenant + 1) })
  for (const call of [own, other]) {
    for (const channelType of ['DINGTALK', 'WECHAT_WORK']) {
      await createConfig(call, channelType)
      await createTemplate(call, BUSINESS_TYPE, channelType)
    }
  }
  const robot = `bench-sick-${tenantId}`
  await createConfig(own, 'DINGTALK', {
    storeId: SICK_STORE,
    configJson: { mode: 'robot', accessToken: robot },
    // Whatever fails is to come again soon, so that the sickness lasts for as long as is measured.
    retry: { max: 5, initialDelayMs: 1_000 },
  })
  const victims: Victim[] = [
    { name: 'other config', call: own, channelType: 'DINGTALK' },
    { name: 'other tenant', call: other, channelType: 'DINGTALK' },
    { name: 'other channel', call: own, channelType: 'WECHAT_WORK' },
  ]
  return { tenantId, robot, victims }
}

async function measureAll(system: TestSystem, victims: readonly Victim[], samples: number): Promise<Latency[]> {
  const measured: Latency[] = []
  for (const { call, channelType } of victims)
    measured.push(await measureOneByOne(system.sandbox, call, channelType, samples))
  return measured
}

/** Resolves when every job has been taken up once: what is measured is the waiting, not the tenant's own line before it. */
async function postSick(system: TestSystem, tenantId: string, count: number): Promise<void> {
  const call = system.caller({ tenantId })
  for (let sent = 0; sent < count; sent += BATCH) {
    const messages = Array.from({ length: Math.min(BATCH, count - sent) }, () => ({
      businessType: BUSINESS_TYPE,
      storeId: SICK_STORE,
      businessData: { orderNo: randomUUID() },
      targetChannels: ['DINGTALK'],
    }))
    await call('POST', '/api/messages/batch', messages)
  }
  const redis = new Redis(system.variables.REDIS_URL ?? '')
  await until(
    'every job to be taken up',
    async () => {
      const [rows] = await system.pool.query<RowDataPacket[]>(
        "SELECT COUNT(*) AS n FROM msg_message WHERE tenant_id = ? AND status = 'PENDING'",
        [tenantId],
      )
      return (
        Number(rows[0]?.n) === 0 &&
        (await redis.zcard(`${system.variables.QUEUE_PREFIX}:channel.DINGTALK:prioritized`)) === 0
      )
    },
    300_000,
  )
  redis.disconnect()
}

async function watchIdle({ system, sent }: CountedSystem) {
  const cpuSeconds = () => Promise.all(system.workers.map(({ url }) => cpuSecondsOf(url)))
  const [before, cpu] = [sent(), await cpuSeconds()]
  const start = performance.now()
  await new Promise((resolve) => setTimeout(resolve, IDLE_WATCH_MS))
  const seconds = (performance.now() - start) / 1000
  const used = (await cpuSeconds()).map((after, index) => after - (cpu[index] ?? 0))
  return {
    redisCommandsPerSecond: totalOf(sentBetween(before.redis, sent().redis, seconds)),
    workerCpuShare: Math.max(...used) / seconds,
  }
}

async function cpuSecondsOf(workerUrl: string): Promise<number> {
  const text = await (await fetch(`${workerUrl}/metrics`)).text()
  return Number(/^process_cpu_seconds_total (\S+)/m.exec(text)?.[1] ?? Number.NaN)
}

async function recoveryOf(system: TestSystem, tenantId: string): Promise<number> {
  const start = performance.now()
  await allFinal(system.pool, tenantId, 600_000)
  return (performance.now() - start) / 1000
}

function compare(name: string, quiet: Latency | undefined, beside: Latency | undefined) {
  if (!quiet || !beside) throw new Error(`nothing was measured for ${name}`)
  return [name, { quiet, beside, p99Ratio: beside.p99Ms / quiet.p99Ms }] as const
}
