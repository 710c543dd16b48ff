import { expect, test } from 'vitest'
import { FAULT_KINDS } from './faults/index.ts'
import { planFaults } from './plan.ts'

const times = (minutes: number, seed = 1) =>
  Object.groupBy(planFaults(FAULT_KINDS, { minutes, seed }), ({ kind }) => kind.name)

test('in ten minutes each kind comes at least five times, at moments that are spread over the run, each over before its end', () => {
  const byKind = times(10)
  for (const { name, lastsMs } of FAULT_KINDS) {
    const moments = (byKind[name] ?? []).map(({ atMs }) => atMs)
    expect(moments.length, name).toBeGreaterThanOrEqual(5)
    expect(Math.max(...moments) + lastsMs).toBeLessThanOrEqual(600_000)
    expect(Math.max(...moments) - Math.min(...moments)).toBeGreaterThan(200_000)
  }
})

test('the same seed gives the same plan, another seed another', () => {
  const plan = (seed: number) =>
    planFaults(FAULT_KINDS, { minutes: 3, seed }).map(({ kind, atMs, random }) => [
      kind.name,
      atMs,
      random.integer(0, 1e9),
    ])
  expect(plan(7)).toEqual(plan(7))
  expect(plan(7)).not.toEqual(plan(8))
})

test('however short the run, each kind comes', () => {
  expect(Object.keys(times(0.1)).toSorted()).toEqual(FAULT_KINDS.map(({ name }) => name).toSorted())
})
