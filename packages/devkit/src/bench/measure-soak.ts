import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { RowDataPacket } from 'mysql2/promise'
import type { TestSystem } from '../testing/test-system.ts'
import {
  type Bench,
  benchMessage,
  forgetMessages,
  type Measured,
  type Row,
  setUpTenant,
  startBenchSystem,
  THREE_CHANNELS,
} from './bench-system.ts'
import type { LoadResult } from './load-order.ts'
import { openCount, runMessages, untilFinal } from './measure-end-to-end.ts'
import { heapMiB, metricsOf, redisMiB, residentMiB } from './memory.ts'
import { amount } from './report.ts'
import { offerLoad } from './run-load.ts'
import { type Point, slopeOf, spreadOf } from './statistics.ts'

/** MiB, or a number, of each part at one time. */
interface Sample {
  hours: number
  values: Record<string, number>
}

/** How a part's memory went, after the warm-up. */
interface Course {
  firstThird: number
  lastThird: number
  /** By least squares. */
  perHour: number
}

const LOAD_SHARE = 0.7
const CONNECTIONS = 16
const SAMPLE_MS = 5_000
/** Caches fill and code is compiled meanwhile. */
const WARM_UP_SHARE = 0.2
const APIS = 2
const WORKERS = 2

/** Memory of all processes over a long time at 70 % of what the system can: whether anything grows that never ends. */
export async function measureSoak(bench: Bench, minutes: number): Promise<Measured> {
  const system = await startBenchSystem(bench, { apis: APIS, workers: WORKERS })
  const redis = new Redis(bench.services.redisUrl)
  try {
    const capacity = await capacityOf(system, bench.quick ? 2_000 : 10_000)
    const samples: Sample[] = []
    const start = performance.now()
    const load = postSteadily(system, capacity * LOAD_SHARE, minutes * 60)
    const ended = load.then(() => true)
    do samples.push({ hours: (performance.now() - start) / 3_600_000, values: await valuesOf(system, redis) })
    while (!(await Promise.race([ended, delay(SAMPLE_MS, false)])))
    const posted = await load
    await untilFinal(system, 600_000)
    const counts = await countsOf(system)
    const courses = coursesOf(samples)
    return {
      rows: rowsOf({ capacity, minutes, posted, counts, courses }),
      results: { capacity, minutes, posted, counts, courses, samples },
    }
  } finally {
    redis.disconnect()
    // The secrets that the system's end looks for are looked for in all that is stored, which would be gigabytes.
    await forgetMessages(system)
    await system.stop()
  }
}

/** Messages a second, when warm. */
async function capacityOf(system: TestSystem, messages: number): Promise<number> {
  const call = await setUpTenant(system, THREE_CHANNELS)
  await runMessages(system, call, messages, {})
  const { perSecond } = await runMessages(system, call, messages, {})
  await forgetMessages(system)
  return perSecond
}

interface Posted {
  accepted: number
  refused: number
}

/** Posts at a pace, as long as answers keep up with it; each API gets its share. */
async function postSteadily(system: TestSystem, perSecond: number, seconds: number): Promise<Posted> {
  const { messageId: _, ...message } = benchMessage(THREE_CHANNELS)
  const results = await Promise.all(
    system.apis.map(({ url }) =>
      offerLoad({
        url: `${url}/api/messages`,
        token: system.token(),
        body: JSON.stringify(message),
        connections: CONNECTIONS,
        perSecond: Math.floor(perSecond / APIS),
        seconds,
      }),
    ),
  )
  const sum = (of: (result: LoadResult) => number) => results.reduce((all, result) => all + of(result), 0)
  return { accepted: sum(({ answered }) => answered), refused: sum(({ errors }) => errors) }
}

async function valuesOf(system: TestSystem, redis: Redis): Promise<Record<string, number>> {
  const processes = { API: system.apis, worker: system.workers }
  const values: Record<string, number> = {}
  for (const [name, list] of Object.entries(processes)) {
    for (const [index, { url }] of list.entries()) {
      const metric = await metricsOf(url)
      values[`${name} ${index + 1}, resident`] = residentMiB(metric)
      values[`${name} ${index + 1}, heap`] = heapMiB(metric)
    }
  }
  values.Redis = await redisMiB(redis)
  values['Redis keys'] = await redis.dbsize()
  values['messages not final'] = await openCount(system)
  return values
}

function coursesOf(samples: readonly Sample[]): Record<string, Course> {
  const warm = samples.slice(Math.floor(samples.length * WARM_UP_SHARE))
  const third = Math.max(1, Math.floor(warm.length / 3))
  return Object.fromEntries(
    Object.keys(warm[0]?.values ?? {}).map((part) => {
      const points = warm.map(({ hours, values }): Point => [hours, values[part] ?? Number.NaN])
      const median = (some: readonly Point[]) => spreadOf(some.map(([, value]) => value)).median
      const course = { firstThird: median(points.slice(0, third)), lastThird: median(points.slice(-third)) }
      return [part, { ...course, perHour: slopeOf(points) }]
    }),
  )
}

/** Messages by status. */
async function countsOf({ pool }: TestSystem): Promise<Record<string, number>> {
  const [rows] = await pool.query<RowDataPacket[]>('SELECT status, COUNT(*) AS n FROM msg_message GROUP BY status')
  return Object.fromEntries(rows.map(({ status, n }) => [status, Number(n)]))
}

function rowsOf(soak: {
  capacity: number
  minutes: number
  posted: Posted
  counts: Record<string, number>
  courses: Record<string, Course>
}): Row[] {
  const { capacity, minutes, posted, counts, courses } = soak
  return [
    [
      `soak, ${minutes} min at ${LOAD_SHARE * 100} % of ${amount(capacity)} messages/s`,
      `${posted.accepted} accepted, ${posted.refused} refused`,
    ],
    // What was under way when the load ended has no answer and may be there.
    ['  in the end', JSON.stringify(counts), `SUCCESS ≥ ${posted.accepted}`],
    ...Object.entries(courses).map(([part, { firstThird, lastThird, perHour }]): Row => {
      const unit = part.startsWith('messages') || part.endsWith('keys') ? '' : ' MiB'
      const sign = perHour < 0 ? '−' : '+'
      const change = `${sign}${amount(Math.abs(perHour))}${unit} an hour`
      return [`  ${part}`, `${amount(firstThird)} → ${amount(lastThird)}${unit}, ${change}`]
    }),
  ]
}
