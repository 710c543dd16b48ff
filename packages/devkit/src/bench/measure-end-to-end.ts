import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import type { RowDataPacket } from 'mysql2/promise'
import type { ApiCaller } from '../testing/api-caller.ts'
import type { AppProcess, TestSystem } from '../testing/test-system.ts'
import { until } from '../testing/until.ts'
import {
  type Bench,
  benchMessage,
  forgetMessages,
  type Measured,
  setUpTenant,
  startBenchSystem,
  startPeer,
  THREE_CHANNELS,
} from './bench-system.ts'
import { cpuBetween, cpuSeconds, type Parts } from './cpu-time.ts'
import { amount, ratioOf, spreadText } from './report.ts'
import { spreadOf } from './statistics.ts'

/** What one round of messages took. */
export interface Flow {
  messages: number
  perSecond: number
  /** Share of a core that each part used meanwhile; empty where the machine does not tell. */
  cpuShares: Record<string, number>
  cpuMsPerMessage: Record<string, number>
}

const BATCH = 500
const LIMIT_MS = 600_000

/** Messages until all are final in MySQL, against a bare two-stage BullMQ flow with the same HTTP calls and no database. */
export async function measureEndToEnd(bench: Bench): Promise<Measured> {
  const { services, sandbox } = bench
  const { rounds, messages } = bench.quick ? { rounds: 2, messages: 1_500 } : { rounds: 5, messages: 10_000 }
  const system = await startBenchSystem(bench)
  const peer = await startPeer('bare-flow', { REDIS_URL: services.redisUrl, SANDBOX_URL: sandbox.url })
  try {
    const call = await setUpTenant(system, THREE_CHANNELS)
    const ours: Flow[] = []
    const bare: Flow[] = []
    // The first round finds nothing compiled, cached or connected.
    for (let round = 0; round <= rounds; round++) {
      const count = round === 0 ? BATCH : messages
      const flows = [await runMessages(system, call, count, partsOf(bench, system)), await runBare(bench, peer, count)]
      await forgetMessages(system)
      await sandbox.client.clearMessages()
      if (round > 0 && flows[0] && flows[1]) ours.push(flows[0]) && bare.push(flows[1])
    }
    const rate = (flows: Flow[]) => spreadOf(flows.map(({ perSecond }) => perSecond))
    const ratio = ratioOf(rate(ours), rate(bare))
    return {
      rows: [
        ['end to end, 3 HTTP channels', `${spreadText(rate(ours))} messages/s`],
        ['  CPU ms a message', cpuText(ours)],
        ['  bare BullMQ flow, no database', `${spreadText(rate(bare))} messages/s`],
        ['    CPU ms a message', cpuText(bare)],
        ['  ours : bare', spreadText(ratio), '≥ 1.0'],
      ],
      results: { ours, bare, ratio },
    }
  } finally {
    await peer.stop()
    await system.stop()
  }
}

/** The processes of a system by part. */
export function partsOf({ services, sandbox }: Bench, system: TestSystem): Parts {
  return {
    api: system.apis.map(({ pid }) => pid),
    workers: system.workers.map(({ pid }) => pid),
    ...serverParts(services.processes),
    sandbox: [sandbox.pid],
    client: [process.pid],
  }
}

function serverParts(servers: Bench['services']['processes']): Parts {
  return Object.fromEntries(servers.map(({ name, pid }) => [name, [pid]]))
}

/** Posts messages in batches and waits until all are final in MySQL. */
export function runMessages(system: TestSystem, call: ApiCaller, messages: number, parts: Parts): Promise<Flow> {
  return timed(messages, parts, async () => {
    for (let sent = 0; sent < messages; sent += BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, messages - sent) }, () => benchMessage(THREE_CHANNELS))
      const { status } = await call('POST', '/api/messages/batch', batch)
      if (status !== 202) throw new Error(`batch was answered ${status}`)
    }
    await untilFinal(system, LIMIT_MS)
  })
}

/** Resolves when all messages are final. Counting them every time would cost MySQL a part of what is measured. */
export async function untilFinal({ pool }: Pick<TestSystem, 'pool'>, limitMs: number): Promise<void> {
  const isAnyOpen = 'SELECT id FROM msg_message WHERE due_time IS NOT NULL LIMIT 1'
  await until(
    'all messages to be final',
    async () => (await pool.query<RowDataPacket[]>(isAnyOpen))[0].length === 0,
    limitMs,
  )
}

/** Messages that are not final: few, however many there are. */
export async function openCount({ pool }: Pick<TestSystem, 'pool'>): Promise<number> {
  const [rows] = await pool.query<RowDataPacket[]>('SELECT COUNT(*) AS n FROM msg_message WHERE due_time IS NOT NULL')
  return Number(rows[0]?.n)
}

/** The same number of messages through the bare flow, from the first add until the last call was answered. */
async function runBare({ services, sandbox }: Bench, peer: AppProcess, messages: number): Promise<Flow> {
  const connection = new Redis(services.redisUrl, { maxRetriesPerRequest: null })
  const queue = new Queue('bare-flow', { connection, prefix: '{bench}' })
  const delivered = async () =>
    ((await (await fetch(`${peer.url}/delivered`)).json()) as { delivered: number }).delivered
  const before = await delivered()
  const { MySQL: _, MariaDB: __, ...servers } = serverParts(services.processes)
  const parts = { 'bare flow': [peer.pid], ...servers, sandbox: [sandbox.pid], client: [process.pid] }
  const flow = await timed(messages, parts, async () => {
    for (let sent = 0; sent < messages; sent += BATCH) {
      const jobs = Array.from({ length: Math.min(BATCH, messages - sent) }, () => ({
        name: 'message',
        data: benchMessage(THREE_CHANNELS),
        opts: { removeOnComplete: true },
      }))
      await queue.addBulk(jobs)
    }
    const wanted = before + messages * THREE_CHANNELS.length
    await until('all bare messages to be delivered', async () => (await delivered()) >= wanted, LIMIT_MS)
  })
  await queue.close()
  connection.disconnect()
  return flow
}

async function timed(messages: number, parts: Parts, run: () => Promise<void>): Promise<Flow> {
  const before = cpuSeconds(parts)
  const start = performance.now()
  await run()
  const seconds = (performance.now() - start) / 1000
  const after = cpuSeconds(parts)
  return {
    messages,
    perSecond: messages / seconds,
    cpuShares: cpuBetween(before, after, seconds),
    cpuMsPerMessage: cpuBetween(before, after, messages / 1000),
  }
}

function cpuText(flows: readonly Flow[]): string {
  const parts = Object.keys(flows[0]?.cpuMsPerMessage ?? {})
  const median = (part: string) => spreadOf(flows.map(({ cpuMsPerMessage }) => cpuMsPerMessage[part] ?? 0)).median
  return parts.map((part) => `${part} ${amount(median(part))}`).join(', ')
}
