import { parseArgs } from 'node:util'
import { measureAge } from '../age/bench-age.ts'
import { type Bench, type Measured, type Row, startSandboxProcess } from '../bench/bench-system.ts'
import { measureAccept } from '../bench/measure-accept.ts'
import { measureCosts } from '../bench/measure-costs.ts'
import { measureEndToEnd } from '../bench/measure-end-to-end.ts'
import { measureFairness } from '../bench/measure-fairness.ts'
import { measureIsolation } from '../bench/measure-isolation.ts'
import { measureLatency } from '../bench/measure-latency.ts'
import { measureOverload } from '../bench/measure-overload.ts'
import { measureScale } from '../bench/measure-scale.ts'
import { measureSoak } from '../bench/measure-soak.ts'
import { storeResults, tableOf } from '../bench/report.ts'
import { startServices } from '../services/services.ts'
import { createTestDataDir } from '../testing/test-data-dir.ts'

type Part = (bench: Bench) => Promise<Measured>

/** Measured in this order where no part is named. */
const PARTS: Record<string, Part> = {
  latency: measureLatency,
  'end-to-end': measureEndToEnd,
  cost: measureCosts,
  scale: measureScale,
  accept: measureAccept,
}
/** Measured only where they are named: they ask what users suffer in bad times, not what the system costs. */
const APART: Record<string, Part> = {
  isolation: measureIsolation,
  fairness: measureFairness,
  overload: measureOverload,
}

const OPTIONS = {
  quick: { type: 'boolean', default: false },
  /** Of the part `age`. */
  messages: { type: 'string' },
  folder: { type: 'string' },
  /** Of the part `soak`. */
  minutes: { type: 'string', default: '30' },
} as const

/**
 * `npm run bench`: all figures side by side in one run; ratios and costs count, absolute figures depend on the machine.
 * `npm run bench -- [--quick] [part …]`: less exact in under two minutes; some parts alone (docs/performance.md).
 * `npm run bench -- soak [--minutes N]`: memory under a load that lasts.
 * `npm run bench -- age [--messages N] [--folder DIR]`: with 10 million messages; a folder keeps them for the next time.
 */
async function main(): Promise<void> {
  const { quick, parts } = order()
  const folder = createTestDataDir()
  const services = await startServices({ dataDir: folder.path, progress: say, keepData: false })
  const sandbox = await startSandboxProcess()
  const rows: Row[] = []
  const results: Record<string, object> = {}
  try {
    for (const [name, measure] of parts) {
      const start = performance.now()
      const measured = await measure({ services, sandbox, quick })
      rows.push(...measured.rows)
      results[name] = measured.results
      say(`• ${name}: ${((performance.now() - start) / 1000).toFixed(0)} s`)
    }
  } finally {
    await sandbox.stop()
    await services.stop()
    folder.remove()
  }
  say(`\n${tableOf([['what', 'median (lowest – highest)', 'aim'], ...rows])}\n`)
  say(`written to ${storeResults({ quick, ...results })}`)
}

/** @throws Error naming a part that there is not */
function order(): { quick: boolean; parts: [string, Part][] } {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true })
  const { folder, messages } = values
  const age: Part = (bench) => measureAge(bench, { folder, messages: messages ? Number(messages) : undefined }, say)
  const soak: Part = (bench) => measureSoak(bench, Number(values.minutes))
  const all: Record<string, Part> = { ...PARTS, ...APART, age, soak }
  const parts = positionals.map((name): [string, Part] => {
    const part = all[name]
    if (!part) throw new Error(`there is no part '${name}': ${Object.keys(all).join(', ')}`)
    return [name, part]
  })
  return { quick: values.quick, parts: parts.length > 0 ? parts : Object.entries(PARTS) }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

await main()
