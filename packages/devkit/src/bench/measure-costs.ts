import type { ApiCaller } from '../testing/api-caller.ts'
import type { TestSystem } from '../testing/test-system.ts'
import {
  type Bench,
  BUILT_IN_CHANNELS,
  type Measured,
  type Row,
  setUpTenant,
  startBenchSystem,
  TEN_CHANNELS,
  THREE_CHANNELS,
} from './bench-system.ts'
import { type Cost, measureCost } from './cost.ts'
import { countSystem } from './counted-system.ts'
import type { Sent } from './counting/counting-proxy.ts'
import { amount } from './report.ts'
import { measureWaitingMemory, type WaitingMemory } from './waiting-memory.ts'

/** Commands shown of one scenario; the file has all. */
const MOST_SHOWN = 5
/** Tenants that are set up at once. */
const AT_ONCE = 16

/** What a message costs by channels and tenants, under load; and what one costs that is alone, and one that waits. */
export async function measureCosts(bench: Bench): Promise<Measured> {
  const { messages, single, tenantCounts } = bench.quick
    ? { messages: 500, single: 50, tenantCounts: [10, 50] }
    : { messages: 5_000, single: 500, tenantCounts: [10, 1_000] }
  const counted = await countSystem(bench, await startBenchSystem(bench, { apis: 0, workers: 0 }))
  try {
    await counted.startApi()
    const worker = await counted.startWorker()
    const call = await setUpTenant(counted.system, [...TEN_CHANNELS, 'LOCAL'])
    await measureCost(counted, [call], TEN_CHANNELS, 200)

    const costs: Record<string, Cost> = {
      '1 channel': await measureCost(counted, [call], THREE_CHANNELS.slice(0, 1), messages),
      '3 channels': await measureCost(counted, [call], THREE_CHANNELS, messages),
      '3 built-in channels': await measureCost(counted, [call], BUILT_IN_CHANNELS, messages),
      '10 channels': await measureCost(counted, [call], TEN_CHANNELS, messages),
    }
    for (const count of tenantCounts) {
      const calls = await setUpTenants(counted.system, count)
      // Their configs and templates are looked up once.
      await measureCost(counted, calls, THREE_CHANNELS, count)
      costs[`3 channels, ${count} tenants`] = await measureCost(counted, calls, THREE_CHANNELS, messages)
    }
    costs['3 channels, one at a time'] = await measureCost(counted, [call], THREE_CHANNELS, single, 1)
    await worker.stop()
    const waiting = await measureWaitingMemory(counted, call, messages)
    return { rows: [...Object.entries(costs).flatMap(costRows), ...memoryRows(waiting)], results: { costs, waiting } }
  } finally {
    await counted.stop()
  }
}

/** Tenants of their own for each number of them. */
async function setUpTenants(system: TestSystem, count: number): Promise<ApiCaller[]> {
  const ids = Array.from({ length: count }, (_, index) => String(count * 10_000 + index))
  const calls: ApiCaller[] = []
  for (let at = 0; at < count; at += AT_ONCE) {
    const some = ids.slice(at, at + AT_ONCE).map((tenantId) => setUpTenant(system, THREE_CHANNELS, tenantId))
    calls.push(...(await Promise.all(some)))
  }
  return calls
}

function costRows([scenario, cost]: [string, Cost]): Row[] {
  const { redisCommands, sqlStatements, redis, mysql, apiCpuMs, workerCpuMs } = cost
  const isAimedAt = scenario === '3 built-in channels' || scenario === '3 channels'
  const kilobytes = `${amount(redis.bytes / 1024)} KB to Redis, ${amount(mysql.bytes / 1024)} KB to MySQL`
  const cpu = workerCpuMs === undefined ? '' : `, CPU ms: API ${amount(apiCpuMs ?? 0)}, worker ${amount(workerCpuMs)}`
  return [
    [`cost, ${scenario}`, `${kilobytes}${cpu}`],
    ['  Redis commands', `${amount(redisCommands)}: ${namesOf(redis)}`, ...(isAimedAt ? ['≤ 12'] : [])],
    ['  SQL statements', `${amount(sqlStatements)}: ${namesOf(mysql)}`, ...(isAimedAt ? ['≤ 0.2'] : [])],
  ] as Row[]
}

/** The most frequent kinds. */
function namesOf({ commands }: Sent): string {
  const kinds = Object.entries(commands).slice(0, MOST_SHOWN)
  return kinds.map(([name, count]) => `${name} ${amount(count)}`).join(', ')
}

function memoryRows({ accepted, dispatched }: WaitingMemory): Row[] {
  return [
    ['Redis memory of a waiting message: accepted', `${accepted.toFixed(0)} bytes`, '≤ 2 KB'],
    ['  dispatched to 3 channels', `${dispatched.toFixed(0)} bytes`, '≤ 2 KB'],
  ]
}
