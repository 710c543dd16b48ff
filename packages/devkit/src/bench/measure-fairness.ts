import { randomUUID } from 'node:crypto'
import type { RowDataPacket } from 'mysql2/promise'
import type { ApiCaller } from '../testing/api-caller.ts'
import { createConfig, createTemplate } from '../testing/demo-tenant.ts'
import type { TestSystem } from '../testing/test-system.ts'
import { until } from '../testing/until.ts'
import { type Bench, BUSINESS_TYPE, type Measured, type Row, startBenchSystem } from './bench-system.ts'
import { amount } from './report.ts'
import { type Latency, latencyOf } from './statistics.ts'

/** How one tenant's single messages fare while another tenant's flood is posted and sent. */
interface Fairness {
  flood: number
  quiet: Latency
  beside: Latency
  p50Ratio: number
  p99Ratio: number
  /** Messages of the flood that reached the provider between a single message's POST and its arrival. */
  overtaken: { median: number; most: number }
  /** Messages of the flood that were final each second. */
  floodPerSecond: number
}

const BATCH = 500
const WARM_UP_SAMPLES = 20
const FLOOD_ROBOT = 'bench-flood'
/** A guard against hanging. */
const FLOOD_LIMIT_MS = 3_600_000
/** A pause between single messages, so that they are singles. */
const PAUSE_MS = 50

/** How single messages fare beside another tenant's flood. */
export async function measureFairness(bench: Bench): Promise<Measured> {
  const system = await startBenchSystem(bench)
  try {
    const fairness = await (bench.quick ? singlesBeside(system, 5_000, 100) : singlesBeside(system, 50_000, 300))
    return { rows: rowsOf(fairness), results: fairness }
  } finally {
    await system.stop()
  }
}

function rowsOf({ flood, quiet, beside, p50Ratio, p99Ratio, overtaken, floodPerSecond }: Fairness): Row[] {
  const latency = ({ p50Ms, p99Ms }: Latency) => `p50 ${amount(p50Ms)} ms, p99 ${amount(p99Ms)} ms`
  return [
    ["one tenant's flood", `${flood} messages, ${amount(floodPerSecond)}/s until all were final`],
    ["  another's single: POST to provider", latency(beside)],
    ['  on a quiet system', latency(quiet)],
    ['  ratios', `p50 ${amount(p50Ratio)}, p99 ${amount(p99Ratio)}; ${beside.samples} samples`],
    ['  of the flood sent meanwhile', `median ${overtaken.median}, most ${overtaken.most}`],
  ]
}

/** @param flood messages of the flooding tenant, for one channel that a provider serves and the inbox */
async function singlesBeside(system: TestSystem, flood: number, samples: number): Promise<Fairness> {
  const flooding = await setUp(system, '801', FLOOD_ROBOT)
  const single = await setUp(system, '802', 'bench-single')
  await measureSingles(system, single, (done) => done === WARM_UP_SAMPLES)
  const quiet = latencyOf((await measureSingles(system, single, (done) => done === samples)).map(({ ms }) => ms))
  const start = performance.now()
  let over = false
  const flooded = floodWith(system, flooding, flood).finally(() => {
    over = true
  })
  const beside = await measureSingles(system, single, () => over)
  await flooded
  const seconds = (performance.now() - start) / 1000
  const overtaken = beside.map((sample) => sample.overtaken).toSorted((a, b) => a - b)
  const latency = latencyOf(beside.map(({ ms }) => ms))
  return {
    flood,
    quiet,
    beside: latency,
    p50Ratio: latency.p50Ms / quiet.p50Ms,
    p99Ratio: latency.p99Ms / quiet.p99Ms,
    overtaken: {
      median: overtaken[Math.floor(overtaken.length / 2)] ?? Number.NaN,
      most: overtaken.at(-1) ?? Number.NaN,
    },
    floodPerSecond: flood / seconds,
  }
}

async function setUp(system: TestSystem, tenantId: string, accessToken: string): Promise<ApiCaller> {
  const call = system.caller({ tenantId })
  await createConfig(call, 'DINGTALK', { rateLimitCount: 1_000_000, configJson: { mode: 'robot', accessToken } })
  await createConfig(call, 'LOCAL', { rateLimitCount: 1_000_000 })
  for (const channelType of ['DINGTALK', 'LOCAL']) await createTemplate(call, BUSINESS_TYPE, channelType)
  return call
}

async function measureSingles(system: TestSystem, call: ApiCaller, ended: (done: number) => boolean) {
  const measured: { ms: number; overtaken: number }[] = []
  while (!ended(measured.length)) {
    const orderNo = randomUUID()
    const before = await arrivedSoFar(system)
    const postedAt = performance.timeOrigin + performance.now()
    const message = {
      businessType: BUSINESS_TYPE,
      businessData: { orderNo, userId: 'u1' },
      targetChannels: ['DINGTALK'],
    }
    const { status } = await call('POST', '/api/messages', message)
    if (status !== 202) throw new Error(`a single message was answered ${status}`)
    const [arrived] = await system.sandbox.client.wait({ contains: orderNo, count: 1, timeoutMs: 120_000 })
    const overtaken = (await arrivedSoFar(system)) - before - 1
    measured.push({ ms: (arrived?.at ?? Number.NaN) - postedAt, overtaken })
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
  return measured
}

/** A message more or less of the single ones does not matter. */
async function arrivedSoFar(system: TestSystem): Promise<number> {
  const { received } = await system.sandbox.client.counters()
  return received
}

/** Resolves when all of the flood is final. */
async function floodWith(system: TestSystem, call: ApiCaller, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += BATCH) {
    const messages = Array.from({ length: Math.min(BATCH, count - sent) }, () => ({
      businessType: BUSINESS_TYPE,
      businessData: { orderNo: randomUUID(), userId: 'u2' },
    }))
    const { status } = await call('POST', '/api/messages/batch', messages)
    if (status !== 202) throw new Error(`a batch was answered ${status}`)
  }
  const isOver = async () => {
    const [rows] = await system.pool.query<RowDataPacket[]>(
      "SELECT 1 FROM msg_message WHERE tenant_id = 801 AND status IN ('PENDING', 'PROCESSING') LIMIT 1",
    )
    return rows.length === 0
  }
  await until('the flood to be final', isOver, FLOOD_LIMIT_MS)
}
