import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { afterAll, expect, inject, test } from 'vitest'
import { type CircuitRules, createCircuitStore } from './circuit-store.ts'

const redis = new Redis(inject('redisUrl'))
afterAll(() => redis.disconnect())

const RULES: CircuitRules = { threshold: 3, firstRestMs: 100, longestRestMs: 450, keptMs: 1_000 }
const IDS = ['1', '2']

/** What the circuits promise, told without Redis. */
class Model {
  failures = 0
  rests = 0
  since = 0
  probeAt = 0
  probing = false
  touched = 0

  expire(now: number): void {
    if (now > Math.max(this.touched, this.probeAt) + RULES.keptMs) this.close()
  }
  close(): void {
    Object.assign(this, new Model())
  }
  private restAfter(rests: number): number {
    return Math.min(RULES.firstRestMs * 2 ** rests, RULES.longestRestMs)
  }
  fail(now: number): void {
    this.failures += 1
    this.touched = now
    const opens = this.rests === 0 && this.failures >= RULES.threshold
    const failsAgain = this.rests > 0 && (this.probing || now >= this.probeAt)
    if (opens) this.since = now
    if (!opens && !failsAgain) return
    this.probeAt = now + this.restAfter(this.rests)
    this.rests += 1
    this.probing = false
  }
  takeProbe(now: number): boolean {
    if (this.rests === 0 || now < this.probeAt) return false
    this.probing = true
    this.probeAt = now + this.restAfter(this.rests - 1)
    return true
  }
  answer() {
    const { failures, rests, since, probeAt, probing } = this
    return failures === 0 ? undefined : { channelType: 'DINGTALK', failures, open: rests > 0, since, probeAt, probing }
  }
}

const step = fc.record({
  name: fc.constantFrom('fail', 'fail', 'fail', 'fail', 'probe', 'probe', 'succeed'),
  id: fc.constantFrom(...IDS),
  /** Mostly moments, sometimes longer than a rest, or than anything is kept. */
  passesMs: fc.oneof({ weight: 6, arbitrary: fc.nat(60) }, { weight: 3, arbitrary: fc.nat(500) }, fc.nat(2_500)),
})

test('whatever happens in whatever order, every circuit is as the model says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
      let now = 1_764_000_000_000
      // Two processes, by turns.
      const key = `{${randomUUID()}}:circuits`
      const stores = [0, 1].map(() => createCircuitStore({ redis, key, rules: RULES, now: () => now }))
      const models = new Map(IDS.map((id) => [id, new Model()]))
      for (const [index, { name, id, passesMs }] of steps.entries()) {
        now += passesMs
        const store = stores[index % 2]
        const model = models.get(id)
        if (!store || !model) throw new Error('no such process or config')
        for (const each of models.values()) each.expire(now)
        if (name === 'probe') expect(await store.takeProbe(id)).toBe(model.takeProbe(now))
        else if (name === 'succeed') {
          await store.succeed(id)
          model.close()
        } else {
          const entry = await store.fail(id, 'DINGTALK')
          model.fail(now)
          expect(entry).toEqual(model.answer())
        }
        const view = await store.view()
        expect(view.now).toBe(now)
        for (const [other, each] of models) expect(view.entries.get(other)).toEqual(each.answer())
      }
      await redis.del(key)
    }),
    { numRuns: 150 },
  )
})

test('of processes that ask at once, one sends the probe', async () => {
  const key = `{${randomUUID()}}:circuits`
  const store = createCircuitStore({ redis, key, rules: { ...RULES, firstRestMs: 1 } })
  for (let count = 0; count < RULES.threshold; count++) await store.fail('1', 'DINGTALK')
  const { probeAt } = await store.fail('1', 'DINGTALK')
  while ((await store.view()).now < probeAt + 5) await redis.ping()
  const asked = await Promise.all(
    Array.from({ length: 20 }, () =>
      createCircuitStore({ redis, key, rules: { ...RULES, firstRestMs: 60_000 } }).takeProbe('1'),
    ),
  )
  expect(asked.filter(Boolean)).toHaveLength(1)
})
