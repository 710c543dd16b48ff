import { randomUUID } from 'node:crypto'
import type { RunningSandbox } from '../sandbox/start.ts'
import type { ApiCaller } from '../testing/api-caller.ts'
import type { TestSystem } from '../testing/test-system.ts'
import {
  type Bench,
  BUSINESS_TYPE,
  benchMessage,
  type Measured,
  setUpTenant,
  startBenchSystem,
  THREE_CHANNELS,
} from './bench-system.ts'
import { openCount, runMessages, untilFinal } from './measure-end-to-end.ts'
import { amount } from './report.ts'
import { runLoad } from './run-load.ts'
import { type Latency, latencyOf } from './statistics.ts'

const WARM_UP = 50
const LOAD_CONNECTIONS = 16
/** Longer than what is measured beside the load: the load is stopped by its time. */
const LOAD_HEADROOM_SECONDS = 2

/** From the POST of a single message until its request has arrived at the provider: alone, and beside half of what the system can. */
export async function measureLatency(bench: Bench): Promise<Measured> {
  const { samples, messages, seconds } = bench.quick
    ? { samples: 100, messages: 1_000, seconds: 6 }
    : { samples: 1_000, messages: 10_000, seconds: 30 }
  const system = await startBenchSystem(bench)
  try {
    const call = await setUpTenant(system, THREE_CHANNELS)
    // It keeps so many; those of other parts leave no room.
    await bench.sandbox.client.clearMessages()
    await measureOneByOne(system.sandbox, call, 'DINGTALK', WARM_UP)
    const idle = await measureOneByOne(system.sandbox, call, 'DINGTALK', samples)

    await runMessages(system, call, 500, {})
    const { perSecond } = await runMessages(system, call, messages, {})
    await bench.sandbox.client.clearMessages()
    const half = Math.floor(perSecond / 2)
    const { latency: underLoad, behind } = await beside(system, half, seconds, () =>
      measureFor(system.sandbox, call, seconds),
    )
    return {
      rows: [
        ['idle: POST to provider', latencyText(idle), 'p50 ≤ 10, p99 ≤ 30'],
        [`beside 50 % load (${half} messages/s)`, latencyText(underLoad)],
        ['  messages not final when the load ended', String(behind)],
      ],
      results: { idle, underLoad, half, behind },
    }
  } finally {
    await system.stop()
  }
}

/** Measures while a process of its own posts so many 3-channel messages a second; says how far the system has fallen behind. */
async function beside<Result>(
  system: TestSystem,
  perSecond: number,
  seconds: number,
  measure: () => Promise<Result>,
): Promise<{ latency: Result; behind: number }> {
  const load = runLoad({
    url: `${system.apis[0]?.url}/api/messages`,
    token: system.token(),
    body: JSON.stringify({ ...benchMessage(THREE_CHANNELS), messageId: '[<id>]' }),
    connections: LOAD_CONNECTIONS,
    perSecond,
    seconds: seconds + LOAD_HEADROOM_SECONDS,
  })
  const [latency] = await Promise.all([measure(), load])
  const behind = await openCount(system)
  await untilFinal(system, 120_000)
  return { latency, behind }
}

/** So many messages to one channel, each after the one before has arrived. */
export async function measureOneByOne(
  sandbox: RunningSandbox,
  call: ApiCaller,
  channelType: string,
  samples: number,
): Promise<Latency> {
  const latencies: number[] = []
  for (let sample = 0; sample < samples; sample++) latencies.push(await measureOne(sandbox, call, channelType))
  return latencyOf(latencies)
}

async function measureFor(sandbox: RunningSandbox, call: ApiCaller, seconds: number): Promise<Latency> {
  const latencies: number[] = []
  for (const end = performance.now() + seconds * 1000; performance.now() < end; )
    latencies.push(await measureOne(sandbox, call, 'DINGTALK'))
  return latencyOf(latencies)
}

async function measureOne(sandbox: RunningSandbox, call: ApiCaller, channelType: string): Promise<number> {
  const orderNo = randomUUID()
  const postedAt = performance.timeOrigin + performance.now()
  const targetChannels = [channelType]
  await call('POST', '/api/messages', { businessType: BUSINESS_TYPE, businessData: { orderNo }, targetChannels })
  const [arrived] = await sandbox.client.wait({ contains: orderNo, count: 1, timeoutMs: 60_000 })
  return (arrived?.at ?? Number.NaN) - postedAt
}

function latencyText({ p50Ms, p99Ms, samples }: Latency): string {
  return `p50 ${amount(p50Ms)} ms, p99 ${amount(p99Ms)} ms of ${samples}`
}
