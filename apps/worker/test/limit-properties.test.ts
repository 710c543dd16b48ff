import type { Fault } from '@message-center/devkit/sandbox/faults.ts'
import type { ReceivedMessage } from '@message-center/devkit/sandbox/received.ts'
import { allFinal, received, sendMany, tasksOf, textOf } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

/** Rounds of so many scenarios side by side; more by LIMIT_PROPERTY_RUNS. */
const RUNS = Number(process.env.LIMIT_PROPERTY_RUNS ?? 2)
const SIDE_BY_SIDE = 6

let system: TestSystem
beforeAll(async () => {
  system = await startTestSystem({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl'), workers: 3 })
  await system.sandbox.client.settings({ latencyMs: 15 })
})
afterAll(() => system.stop())

interface Scenario {
  overflowPolicy: 'REJECT' | 'DEFER' | 'MERGE'
  count: number
  windowSeconds: number
  bursts: number[]
  pauseMs: number
  faults: Fault[]
}

const fault: fc.Arbitrary<Fault> = fc.constantFrom<Fault>(
  { kind: 'http', status: 503 },
  { kind: 'http', status: 429, headers: { 'retry-after': '1' } },
  { kind: 'drop' },
  { kind: 'slow', ms: 900 },
)
const scenario: fc.Arbitrary<Scenario> = fc
  .record({
    overflowPolicy: fc.constantFrom('REJECT' as const, 'DEFER' as const, 'DEFER' as const, 'MERGE' as const),
    count: fc.integer({ min: 1, max: 9 }),
    windowSeconds: fc.integer({ min: 1, max: 2 }),
    bursts: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 6 }),
    pauseMs: fc.nat({ max: 700 }),
    faults: fc.array(fault, { maxLength: 3 }),
  })
  // A line of five windows is over soon.
  .map((each) => ({ ...each, bursts: each.bursts.map((size) => Math.min(size, 2 * each.count)).slice(0, 5) }))

let tenants = 900
/** Runs a scenario and returns every call that its robot received. */
async function play({ overflowPolicy, count, windowSeconds, bursts, pauseMs, faults }: Scenario) {
  const tenantId = String(tenants++)
  const robot = `limit-${tenantId}`
  const call = system.caller({ tenantId })
  await createTemplate(call, 'ORDER', 'WECHAT_WORK')
  await createConfig(call, 'WECHAT_WORK', {
    configJson: { mode: 'robot', key: robot },
    overflowPolicy,
    rateLimitCount: count,
    rateLimitWindow: windowSeconds,
    retry: { max: 5, initialDelayMs: 150 },
  })
  for (const each of faults) await system.sandbox.client.addFault({ match: { token: robot }, fault: each, times: 1 })
  let posted = 0
  for (const [turn, size] of bursts.entries()) {
    await sendMany(call, 'ORDER', `${tenantId}.${turn}`, size)
    posted += size
    const placed = posted
    // Who has his place before the next are posted comes before them.
    await until('the burst to have its places', async () => (await tasksOf(system.pool, tenantId)).length === placed)
    if (turn % 2 === 1) await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
  const statuses = await allFinal(system.pool, tenantId)
  return { statuses, posted, calls: await received(system.sandbox, robot), tasks: await tasksOf(system.pool, tenantId) }
}

/** No stretch of the window's length, wherever it begins, holds more than the limit; one that begins at a call is enough. */
function expectWithin(calls: ReceivedMessage[], { count, windowSeconds }: Scenario): void {
  const times = calls.map(({ at }) => at).sort((a, b) => a - b)
  times.slice(count).forEach((time, index) => {
    expect(time - (times[index] ?? 0), `${count} per ${windowSeconds} s`).toBeGreaterThanOrEqual(windowSeconds * 1000)
  })
}

/** Nobody is overtaken by more than start at once: fewer than the limit's count. Who was refused and came again has lost his place. */
function expectInOrder(calls: ReceivedMessage[], { count }: Scenario, retried: ReadonlySet<string>): void {
  const turns = calls.flatMap((call) => {
    const id = textOf(call).replace('ORDER ', '')
    return retried.has(id) ? [] : [Number(id.split('.')[1]?.split('-')[0])]
  })
  turns.forEach((turn, place) => {
    const overtaken = turns.slice(place).filter((later) => later < turn).length
    expect(overtaken, `of ${turns.join(' ')}`).toBeLessThan(count)
  })
}

test(
  'at the provider no stretch of the window’s length holds more than the limit; what may wait is all sent, once and in order',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(scenario, { minLength: SIDE_BY_SIDE, maxLength: SIDE_BY_SIDE }), async (scenarios) => {
        const plays = await Promise.all(scenarios.map(async (each) => ({ each, ...(await play(each)) })))
        for (const { each, statuses, posted, calls, tasks } of plays) {
          expectWithin(calls, each)
          const shown = calls.filter(({ delivered }) => delivered).flatMap((message) => textOf(message).split('\n'))
          expect(new Set(shown).size, 'none twice').toBe(shown.length)
          expect(shown).toHaveLength(statuses.SUCCESS ?? 0)
          if (each.overflowPolicy === 'REJECT') {
            const refused = tasks.filter(({ status }) => status === 'FAILED').map(({ error_code }) => error_code)
            expect((statuses.SUCCESS ?? 0) + refused.length).toBe(posted)
            expect(refused.every((code) => code === 'RATE_LIMITED')).toBe(true)
          } else expect(statuses).toEqual({ SUCCESS: posted })
          const retried = tasks.filter(({ attempts }) => JSON.parse(attempts ?? '[]').length > 1)
          if (each.overflowPolicy === 'DEFER')
            expectInOrder(calls, each, new Set(retried.map((task) => task.message_id)))
        }
      }),
      { numRuns: RUNS, endOnFailure: true },
    )
  },
  60_000 + RUNS * 40_000,
)
