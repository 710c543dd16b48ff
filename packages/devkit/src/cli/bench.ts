import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { benchAge } from '../age/bench-age.ts'
import { setUpBenchTenant, startPeer } from '../bench/bench-system.ts'
import { measureAccept } from '../bench/measure-accept.ts'
import { measureBare, measureOurs } from '../bench/measure-end-to-end.ts'
import { measureFairness } from '../bench/measure-fairness.ts'
import { measureIdleLatency } from '../bench/measure-idle-latency.ts'
import { type Isolation, measureIsolation } from '../bench/measure-isolation.ts'
import { measureOverload, measureRedisBytes } from '../bench/measure-overload.ts'
import { startServices } from '../services/services.ts'
import { workspaceRoot } from '../services/workspace.ts'
import { createTestDataDir } from '../testing/test-data-dir.ts'
import { startTestSystem, type TestSystem } from '../testing/test-system.ts'

/**
 * `npm run bench`: all figures side by side in one run; ratios count, absolute figures depend on the machine.
 * `npm run bench -- fairness`: how single messages fare beside another tenant's flood; `-- overload`: what is refused, what
 * memory grows to, and how long it takes to recover.
 * `npm run bench -- age`: how it fares with 10 million messages (`--messages N`); `--folder DIR` keeps them there for the next time.
 * `npm run bench -- isolation`: how others fare beside a config, or a provider, that is sick.
 */
async function main(): Promise<void> {
  const quick = process.argv.includes('--quick')
  if (process.argv.includes('age')) return await benchWithAge(quick)
  const messages = quick ? 3_000 : 15_000
  const seconds = quick ? 5 : 15
  const folder = createTestDataDir()
  const services = await startServices({ dataDir: folder.path, progress: say, keepData: false })
  const system = await startTestSystem({ ...services, apis: 1, workers: 1 })
  try {
    const { redisUrl } = services
    if (process.argv.includes('isolation')) return await benchIsolation(system, redisUrl, quick)
    if (process.argv.includes('fairness')) return await benchFairness(system, quick)
    if (process.argv.includes('overload')) return await benchOverload(system, redisUrl, quick)
    await setUpBenchTenant(system)
    const token = system.token()
    const latency = await measureIdleLatency(system, quick ? 100 : 500)
    row('idle: POST to provider', `p50 ${latency.p50Ms.toFixed(1)} ms, p99 ${latency.p99Ms.toFixed(1)} ms`)

    const ours = await measureOurs(system, messages, redisUrl)
    row('end to end, 3 channels', `${ours.perSecond.toFixed(0)} messages/s`)
    row('  Redis commands a message', `${ours.redisCommandsPerMessage?.toFixed(2)}`)
    row('  SQL statements a message', `${ours.sqlStatementsPerMessage?.toFixed(2)}`)
    const bareFlow = await startPeer('bare-flow', { REDIS_URL: redisUrl, SANDBOX_URL: system.sandbox.url })
    const bare = await measureBare(bareFlow, messages, redisUrl)
    await bareFlow.stop()
    row(
      '  bare BullMQ flow without database',
      `${bare.perSecond.toFixed(0)} messages/s; ratio ${(ours.perSecond / bare.perSecond).toFixed(2)}`,
    )

    for (const worker of system.workers) await worker.stop()
    const accept = await measureAccept(system.apis[0]?.url ?? '', token, { seconds })
    row('accept, 64 connections', `${accept.perSecond.toFixed(0)}/s, p99 ${accept.p99Ms} ms, ${accept.errors} errors`)
    const bareApi = await startPeer('bare-api', { REDIS_URL: redisUrl })
    const bareAccept = await measureAccept(bareApi.url, token, { seconds })
    await bareApi.stop()
    row(
      '  bare Fastify + queue.add',
      `${bareAccept.perSecond.toFixed(0)}/s; ratio ${(accept.perSecond / bareAccept.perSecond).toFixed(2)}`,
    )
    store({ quick, latency, ours, bare, accept, bareAccept })
  } finally {
    await system.stop()
    await services.stop()
    folder.remove()
  }
}

async function benchWithAge(quick: boolean): Promise<void> {
  const { values } = parseArgs({
    options: { messages: { type: 'string' }, folder: { type: 'string' }, quick: { type: 'boolean' } },
    allowPositionals: true,
  })
  const temporary = values.folder === undefined ? createTestDataDir() : undefined
  try {
    const messages = Number(values.messages ?? (quick ? 200_000 : 10_000_000))
    const result = await benchAge({ messages, folder: values.folder ?? temporary?.path ?? '' }, say)
    const { full, empty, fillSeconds } = result
    row(`${messages} messages`, `filled in ${fillSeconds.toFixed(0)} s`)
    for (const [what, value] of Object.entries(full)) {
      const other = empty[what] ?? Number.NaN
      row(what, `${value.toFixed(1)}, with a few messages ${other.toFixed(1)}; ratio ${(value / other).toFixed(2)}`)
    }
    store({ quick, age: result })
  } finally {
    temporary?.remove()
  }
}

async function benchFairness(system: TestSystem, quick: boolean): Promise<void> {
  const result = await measureFairness(system, quick ? 5_000 : 50_000, quick ? 100 : 300)
  const { flood, quiet, beside, p99Ratio, p50Ratio, overtaken, floodPerSecond } = result
  row("one tenant's flood", `${flood} messages, ${floodPerSecond.toFixed(0)}/s until all were final`)
  row("  another's single: POST to provider", `p50 ${beside.p50Ms.toFixed(1)} ms, p99 ${beside.p99Ms.toFixed(1)} ms`)
  row('  on a quiet system', `p50 ${quiet.p50Ms.toFixed(1)} ms, p99 ${quiet.p99Ms.toFixed(1)} ms`)
  row('  ratios', `p50 ${p50Ratio.toFixed(2)}, p99 ${p99Ratio.toFixed(2)}; ${beside.samples} samples`)
  row('  of the flood sent meanwhile', `median ${overtaken.median}, most ${overtaken.most}`)
  store({ quick, fairness: result })
}

async function benchOverload(system: TestSystem, redisUrl: string, quick: boolean): Promise<void> {
  const bytes = await measureRedisBytes(system, redisUrl, quick ? 2_000 : 10_000)
  row('Redis, a message before the pipeline', `${bytes.inPipeline.toFixed(0)} bytes`)
  row('  a task on its channel', `${bytes.perTask.toFixed(0)} bytes`)
  const result = await measureOverload(system, redisUrl, quick ? 20 : 180)
  const { offeredPerSecond, sentPerSecond, accepted, lost, answers, refusals, peakWaiting, peakRssMiB } = result
  row(
    'offered',
    `${offeredPerSecond.toFixed(0)}/s, ${(offeredPerSecond / sentPerSecond).toFixed(1)} times what was sent`,
  )
  row('  answers', JSON.stringify(answers))
  row('  refused after', `p50 ${refusals.p50Ms.toFixed(0)} ms, p99 ${refusals.p99Ms.toFixed(0)} ms`)
  row('  accepted, lost', `${accepted}, ${lost}`)
  row('  most that waited', `${peakWaiting}`)
  row(
    '  peak memory',
    `API ${peakRssMiB.api.toFixed(0)} MiB, worker ${peakRssMiB.worker.toFixed(0)} MiB, Redis ${result.peakRedisMiB.toFixed(0)} MiB`,
  )
  row('  accepts again after its end', `${result.admittedAgainSeconds.toFixed(1)} s`)
  row('  latency as before', `${result.recoverySeconds.toFixed(1)} s`)
  store({ quick, redisBytes: bytes, overload: result })
}

async function benchIsolation(system: TestSystem, redisUrl: string, quick: boolean): Promise<void> {
  const results: Isolation[] = []
  const amount = quick ? { waiting: 1_000, samples: 50 } : { waiting: 10_000, samples: 200 }
  for await (const result of measureIsolation(system, redisUrl, amount)) {
    results.push(result)
    const { sickness, waiting, victims, redisCommandsPerSecond, workerCpuShare, recoverySeconds } = result
    row(sickness, `${waiting} messages wait`)
    for (const [name, { quiet, beside, p99Ratio }] of Object.entries(victims)) {
      const figures = `p99 ${beside.p99Ms.toFixed(1)} ms, quiet ${quiet.p99Ms.toFixed(1)} ms; ratio ${p99Ratio.toFixed(2)}`
      row(`  ${name}: POST to provider`, figures)
    }
    const share = `${(workerCpuShare * 100).toFixed(1)} % of a core`
    row('  the waiting itself', `${redisCommandsPerSecond.toFixed(0)} Redis commands/s, ${share}`)
    if (recoverySeconds !== undefined) row('  all sent after its recovery', `${recoverySeconds.toFixed(1)} s`)
  }
  store({ quick, isolation: results })
}

function store(results: object): void {
  const path = join(workspaceRoot, 'bench', 'results')
  mkdirSync(path, { recursive: true })
  const file = join(path, `${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.json`)
  writeFileSync(file, `${JSON.stringify({ node: process.version, ...results }, null, 2)}\n`)
  say(`written to ${file}`)
}

function row(what: string, figure: string): void {
  say(`${what.padEnd(40)} ${figure}`)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

await main()
