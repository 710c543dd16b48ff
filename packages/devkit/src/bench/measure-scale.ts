import {
  type Bench,
  forgetMessages,
  type Measured,
  type Row,
  setUpTenant,
  startBenchSystem,
  THREE_CHANNELS,
} from './bench-system.ts'
import { type Flow, partsOf, runMessages } from './measure-end-to-end.ts'
import { spreadText } from './report.ts'
import { spreadOf } from './statistics.ts'

const WORKERS = [1, 2, 4]
const WARM_UP = 500

/** The same messages with more worker processes, and who is busy meanwhile: the sum cannot exceed the machine's cores. */
export async function measureScale(bench: Bench): Promise<Measured> {
  const { rounds, messages } = bench.quick ? { rounds: 1, messages: 1_500 } : { rounds: 3, messages: 10_000 }
  const system = await startBenchSystem(bench)
  try {
    const call = await setUpTenant(system, THREE_CHANNELS)
    const results: Record<number, Flow[]> = {}
    for (const workers of WORKERS) {
      while (system.workers.length < workers) await system.startWorker()
      const flows: Flow[] = []
      for (let round = 0; round <= rounds; round++) {
        const flow = await runMessages(system, call, round === 0 ? WARM_UP : messages, partsOf(bench, system))
        if (round > 0) flows.push(flow)
        await forgetMessages(system)
      }
      results[workers] = flows
    }
    return { rows: WORKERS.map((workers) => rowOf(workers, results[workers] ?? [])), results }
  } finally {
    await system.stop()
  }
}

function rowOf(workers: number, flows: readonly Flow[]): Row {
  const perSecond = spreadText(spreadOf(flows.map((flow) => flow.perSecond)))
  const share = (part: string) => spreadOf(flows.map(({ cpuShares }) => cpuShares[part] ?? 0)).median
  const shares = Object.keys(flows[0]?.cpuShares ?? {}).map((part) => `${part} ${(share(part) * 100).toFixed(0)} %`)
  return [
    `${workers} worker process${workers > 1 ? 'es' : ''}`,
    `${perSecond} messages/s; of a core: ${shares.join(', ')}`,
  ]
}
