import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import type { RowDataPacket } from 'mysql2/promise'
import { createConfig, createTemplate } from '../testing/demo-tenant.ts'
import type { TestSystem } from '../testing/test-system.ts'
import { until } from '../testing/until.ts'
import { type Bench, BUSINESS_TYPE, type Measured, type Row, setSettings, startBenchSystem } from './bench-system.ts'
import { metricsOf, redisMiB, residentMiB } from './memory.ts'
import { amount } from './report.ts'
import { type Latency, latencyOf } from './statistics.ts'

/** What an overload does to the system, and how it comes out of it. */
interface Overload {
  seconds: number
  offeredPerSecond: number
  /** Sent while the flood lasted; what is offered over this is the overload. */
  sentPerSecond: number
  accepted: number
  /** Accepted messages that had not become final in the end. */
  lost: number
  /** Calls by HTTP status. */
  answers: Record<string, number>
  refusals: Latency
  peakWaiting: number
  peakRssMiB: { api: number; worker: number }
  peakRedisMiB: number
  /** From the flood's end until a call was accepted again, and until single messages were as fast as twice the quiet p99. */
  admittedAgainSeconds: number
  recoverySeconds: number
}

const BATCH = 100
const CONNECTIONS = 40
const TENANTS = ['811', '812', '813', '814']
/** Lower than in production, so that the run reaches them. */
const LIMITS = { maxWaitingMessages: 1_500, maxWaitingMessagesInAll: 3_000 }
const SAMPLES = 40
const CHANNELS = ['DINGTALK', 'LOCAL']

/** What is refused under overload, what memory grows to, and how long it takes to recover. */
export async function measureOverload(bench: Bench): Promise<Measured> {
  const system = await startBenchSystem(bench)
  try {
    const overload = await floodFor(system, bench.services.redisUrl, bench.quick ? 20 : 180)
    return { rows: rowsOf(overload), results: overload }
  } finally {
    await system.stop()
  }
}

function rowsOf(overload: Overload): Row[] {
  const { offeredPerSecond, sentPerSecond, refusals, peakRssMiB } = overload
  const memory = [
    `API ${amount(peakRssMiB.api)}`,
    `worker ${amount(peakRssMiB.worker)}`,
    `Redis ${amount(overload.peakRedisMiB)}`,
  ]
  return [
    ['offered', `${amount(offeredPerSecond)}/s, ${amount(offeredPerSecond / sentPerSecond)} times what was sent`],
    ['  answers', JSON.stringify(overload.answers)],
    ['  refused after', `p50 ${amount(refusals.p50Ms)} ms, p99 ${amount(refusals.p99Ms)} ms`],
    ['  accepted, lost', `${overload.accepted}, ${overload.lost}`],
    ['  most that waited', `${overload.peakWaiting}`],
    ['  peak memory, MiB', memory.join(', ')],
    ['  accepts again after its end', `${amount(overload.admittedAgainSeconds)} s`],
    ['  latency as before', `${amount(overload.recoverySeconds)} s`],
  ]
}

/** Posts batches as fast as they are answered, whatever the answers, for some seconds. */
async function floodFor(system: TestSystem, redisUrl: string, seconds: number): Promise<Overload> {
  for (const tenantId of [...TENANTS, '815']) await setUpTenant(system, tenantId)
  await setSettings(system, LIMITS)
  await single(system)
  const quiet: number[] = []
  for (let sample = 0; sample < SAMPLES; sample++) quiet.push(await single(system))
  const watch = watchPeaks(system, redisUrl)
  const start = performance.now()
  const flood = await postFlood(system, start + seconds * 1_000)
  const sent = flood.accepted - (await openMessages(system))
  const ended = performance.now()
  const since = () => (performance.now() - ended) / 1000
  const fast = 2 * latencyOf(quiet).p99Ms
  await until(
    'a call to be accepted again',
    async () => (await post(system, '815', [message()])).status === 202,
    300_000,
  )
  const admittedAgainSeconds = since()
  while ((await single(system)) > fast) if (since() > 300) break
  const recoverySeconds = since()
  await until('all to be final', async () => (await openMessages(system)) === 0, 300_000)
  const peaks = await watch.stop()
  const tookSeconds = (ended - start) / 1000
  return {
    seconds: tookSeconds,
    offeredPerSecond: flood.offered / tookSeconds,
    sentPerSecond: sent / tookSeconds,
    accepted: flood.accepted,
    lost: flood.accepted - (await finalMessages(system)),
    answers: flood.answers,
    refusals: latencyOf(flood.refusalMs),
    ...peaks,
    admittedAgainSeconds,
    recoverySeconds,
  }
}

async function setUpTenant(system: TestSystem, tenantId: string): Promise<void> {
  const call = system.caller({ tenantId })
  for (const channelType of CHANNELS) {
    await createConfig(call, channelType, { rateLimitCount: 1_000_000 })
    await createTemplate(call, BUSINESS_TYPE, channelType)
  }
}

const message = () => ({
  businessType: BUSINESS_TYPE,
  businessData: { orderNo: randomUUID(), userId: 'u1', filler: 'x'.repeat(850) },
})
const post = (system: TestSystem, tenantId: string, messages: object[]) =>
  system.caller({ tenantId })<{ successCount?: number }>('POST', '/api/messages/batch', messages)

/** @returns ms from the POST until the message is at the provider */
async function single(system: TestSystem): Promise<number> {
  const one = { ...message(), targetChannels: ['DINGTALK'] }
  const start = performance.now()
  const { body } = await post(system, '815', [one])
  if (body.successCount !== 1) return Number.POSITIVE_INFINITY
  await system.sandbox.client.wait({ contains: one.businessData.orderNo, count: 1, timeoutMs: 120_000 })
  return performance.now() - start
}

async function postFlood(system: TestSystem, until: number) {
  const result = { offered: 0, accepted: 0, answers: {} as Record<string, number>, refusalMs: [] as number[] }
  const one = async (connection: number) => {
    const tenantId = TENANTS[connection % TENANTS.length] ?? ''
    while (performance.now() < until) {
      const messages = Array.from({ length: BATCH }, message)
      const start = performance.now()
      const { status, body } = await post(system, tenantId, messages)
      result.offered += BATCH
      result.answers[status] = (result.answers[status] ?? 0) + 1
      if (status === 202) result.accepted += body.successCount ?? 0
      else result.refusalMs.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, (_, connection) => one(connection)))
  return result
}

/** Of the flooding tenants. */
async function count(system: TestSystem, condition: string): Promise<number> {
  const [rows] = await system.pool.query<RowDataPacket[]>(
    `SELECT COUNT(*) AS n FROM msg_message WHERE tenant_id IN (?) AND status ${condition} ('PENDING', 'PROCESSING')`,
    [TENANTS],
  )
  return Number(rows[0]?.n)
}
const openMessages = (system: TestSystem) => count(system, 'IN')
const finalMessages = (system: TestSystem) => count(system, 'NOT IN')

function watchPeaks(system: TestSystem, redisUrl: string) {
  const redis = new Redis(redisUrl)
  const peaks = { peakWaiting: 0, peakRssMiB: { api: 0, worker: 0 }, peakRedisMiB: 0 }
  const look = async () => {
    const [api, worker, redisUses] = await Promise.all([
      metricsOf(system.apis[0]?.url ?? ''),
      metricsOf(system.workers[0]?.url ?? ''),
      redisMiB(redis),
    ])
    peaks.peakRssMiB.api = Math.max(peaks.peakRssMiB.api, residentMiB(api))
    peaks.peakRssMiB.worker = Math.max(peaks.peakRssMiB.worker, residentMiB(worker))
    peaks.peakWaiting = Math.max(peaks.peakWaiting, api('message_center_waiting_messages'))
    peaks.peakRedisMiB = Math.max(peaks.peakRedisMiB, redisUses)
  }
  const stopping = new AbortController()
  const done = (async () => {
    while (!stopping.signal.aborted) {
      await look()
      await new Promise((resolve) => setTimeout(resolve, 1_000))
    }
  })()
  return {
    async stop() {
      stopping.abort()
      await done
      redis.disconnect()
      return peaks
    },
  }
}
