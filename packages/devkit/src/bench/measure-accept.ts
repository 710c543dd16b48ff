import type { TestSystem } from '../testing/test-system.ts'
import {
  type Bench,
  benchMessage,
  forgetJobs,
  forgetMessages,
  type Measured,
  type Row,
  setSettings,
  startBenchSystem,
  startPeer,
  THREE_CHANNELS,
} from './bench-system.ts'
import { cpuBetween, cpuSeconds } from './cpu-time.ts'
import type { LoadResult } from './load-order.ts'
import { amount, ratioOf, spreadText } from './report.ts'
import { runLoad } from './run-load.ts'
import { type Spread, spreadOf } from './statistics.ts'

/** One that accepts messages. */
interface Acceptor {
  url: string
  pid: number
}

type Name = 'ours' | 'bare' | 'insert'
const NAMES: readonly Name[] = ['ours', 'bare', 'insert']
/** Nobody sends here: what waits must not be refused, however fast the machine. */
export const NO_LIMITS = { maxWaitingMessages: 10_000_000, maxWaitingMessagesInAll: 10_000_000 }
const PER_BATCH = 1000
const BATCH_CONNECTIONS = 4

/** Accepted messages, against the same without a database, and against a row and a job for each; without workers. */
export async function measureAccept(bench: Bench): Promise<Measured> {
  const system = await startBenchSystem(bench, { workers: 0 })
  const [api] = system.apis
  if (!api) throw new Error('there is no API')
  const peerEnv = { REDIS_URL: bench.services.redisUrl }
  const bare = await startPeer('bare-api', peerEnv)
  const insert = await startPeer('bare-api', { ...peerEnv, DATABASE_URL: system.variables.DATABASE_URL ?? '' })
  const acceptors: Record<Name, Acceptor> = { ours: api, bare, insert }
  const { rounds, seconds, batches } = bench.quick
    ? { rounds: 2, seconds: 2, batches: 8 }
    : { rounds: 5, seconds: 10, batches: 40 }
  const load = { token: system.token(), seconds }

  async function forget(): Promise<void> {
    await forgetMessages(system)
    await forgetJobs(system)
    await system.pool.query('TRUNCATE bench_message')
    await fetch(`${bare.url}/jobs`, { method: 'DELETE' })
  }

  /** All three in turn, so that what else the machine does meets all of them. */
  async function compare(connections: number): Promise<Record<Name, Accepting>> {
    const runs: Record<Name, Run[]> = { ours: [], bare: [], insert: [] }
    for (let round = 0; round < rounds; round++) {
      for (const name of NAMES) runs[name].push(await accept(acceptors[name], { ...load, connections }))
      await forget()
    }
    return { ours: acceptingOf(runs.ours), bare: acceptingOf(runs.bare), insert: acceptingOf(runs.insert) }
  }

  async function compareBatches(single: Accepting): Promise<Accepting & { timesSingle: Spread }> {
    const runs: Run[] = []
    for (let round = 0; round < rounds; round++) {
      runs.push(await acceptBatches(api as Acceptor, { token: load.token, requests: batches }))
      await forget()
    }
    const batch = acceptingOf(runs)
    return { ...batch, timesSingle: ratioOf(batch.perSecond, single.perSecond) }
  }

  try {
    await setSettings(system, NO_LIMITS)
    // Nothing is compiled or connected at first.
    for (const name of NAMES) await accept(acceptors[name], { ...load, connections: 64, seconds: 1 })
    await forget()
    const at64 = await compare(64)
    const at256 = await compare(256)
    const batch = await compareBatches(at64.ours)
    return { rows: [...rowsOf(64, at64), ...rowsOf(256, at256), ...batchRows(batch)], results: { at64, at256, batch } }
  } finally {
    await Promise.all([bare.stop(), insert.stop()])
    await system.stop()
  }
}

interface Run extends LoadResult {
  /** Of the accepting process. */
  cpuMsPerMessage: number | undefined
}

async function accept(
  { url, pid }: Acceptor,
  load: { token: string; connections: number; seconds: number },
): Promise<Run> {
  const body = JSON.stringify({ ...benchMessage(THREE_CHANNELS), messageId: '[<id>]' })
  const before = cpuSeconds({ api: [pid] })
  const result = await runLoad({ url: `${url}/api/messages`, body, ...load })
  const { api } = cpuBetween(before, cpuSeconds({ api: [pid] }), result.perSecond * load.seconds)
  return { ...result, cpuMsPerMessage: api === undefined ? undefined : api * 1000 }
}

/** What the API of a system accepts by itself. */
export function acceptAlone(system: TestSystem, load: { connections: number; seconds: number }): Promise<Run> {
  const [api] = system.apis
  if (!api) throw new Error('there is no API')
  return accept(api, { token: system.token(), ...load })
}

async function acceptBatches({ url, pid }: Acceptor, load: { token: string; requests: number }): Promise<Run> {
  const { messageId: _, ...message } = benchMessage(THREE_CHANNELS)
  const body = JSON.stringify(Array.from({ length: PER_BATCH }, () => message))
  const before = cpuSeconds({ api: [pid] })
  const result = await runLoad({ url: `${url}/api/messages/batch`, body, connections: BATCH_CONNECTIONS, ...load })
  const { api } = cpuBetween(before, cpuSeconds({ api: [pid] }), load.requests * PER_BATCH)
  return {
    ...result,
    perSecond: result.perSecond * PER_BATCH,
    cpuMsPerMessage: api === undefined ? undefined : api * 1000,
  }
}

interface Accepting {
  perSecond: Spread
  p50Ms: Spread
  p99Ms: Spread
  cpuMsPerMessage: Spread | undefined
}

function acceptingOf(runs: readonly Run[]): Accepting {
  const cpu = runs.flatMap(({ cpuMsPerMessage }) => cpuMsPerMessage ?? [])
  return {
    perSecond: spreadOf(runs.map(({ perSecond }) => perSecond)),
    p50Ms: spreadOf(runs.map(({ p50Ms }) => p50Ms)),
    p99Ms: spreadOf(runs.map(({ p99Ms }) => p99Ms)),
    cpuMsPerMessage: cpu.length === 0 ? undefined : spreadOf(cpu),
  }
}

function rowsOf(connections: number, { ours, bare, insert }: Record<Name, Accepting>): Row[] {
  return [
    [`accept, ${connections} connections`, accepting(ours)],
    ['  (a) Fastify + queue.add', accepting(bare)],
    ['  (b) INSERT + queue.add, one by one', accepting(insert)],
    ['  ours : (a)', spreadText(ratioOf(ours.perSecond, bare.perSecond)), '≥ 0.6'],
    ['  ours : (b)', spreadText(ratioOf(ours.perSecond, insert.perSecond)), '≥ 2'],
  ]
}

function batchRows(batch: Accepting & { timesSingle: Spread }): Row[] {
  return [
    [`accept, ${PER_BATCH} a call`, accepting(batch)],
    ['  batch : single, per message', spreadText(batch.timesSingle), '≥ 5'],
  ]
}

function accepting({ perSecond, p99Ms, cpuMsPerMessage }: Accepting): string {
  const cpu = cpuMsPerMessage ? `, ${amount(cpuMsPerMessage.median)} ms CPU each` : ''
  return `${spreadText(perSecond)} messages/s, p99 ${amount(p99Ms.median)} ms${cpu}`
}
