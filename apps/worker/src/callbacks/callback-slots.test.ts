import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type CallbackSlot, createCallbackSlots } from './callback-slots.ts'

const taken = (answer: CallbackSlot | { askAgainAt: number }): CallbackSlot | undefined =>
  'release' in answer ? answer : undefined

test('whatever happens, a tenant and a receiver hold half of the slots at most, and who was not answered there holds one', () => {
  const step = fc.record({
    tenant: fc.constantFrom('1', '2', '3'),
    origin: fc.constantFrom('a', 'b', 'c'),
    release: fc.boolean(),
    answered: fc.constantFrom(true, false, undefined),
  })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.array(step, { maxLength: 200 }), (total, steps) => {
      const slots = createCallbackSlots(total, () => 0)
      const share = Math.max(1, Math.floor(total / 2))
      const held: { tenant: string; origin: string; slot: CallbackSlot }[] = []
      const silent = new Set<string>()
      const count = (key: 'tenant' | 'origin', value: string) => held.filter((each) => each[key] === value).length
      for (const { tenant, origin, release, answered } of steps) {
        if (release) {
          const ended = held.shift()
          ended?.slot.release(answered)
          if (ended && answered === true) silent.delete(`${ended.tenant} ${ended.origin}`)
          if (ended && answered === false) silent.add(`${ended.tenant} ${ended.origin}`)
          continue
        }
        const there = held.filter((each) => each.tenant === tenant && each.origin === origin).length
        const most = silent.has(`${tenant} ${origin}`) ? 1 : share
        const may = there < most && count('tenant', tenant) < share && count('origin', origin) < share
        const slot = taken(slots.take(tenant, origin))
        expect(slot !== undefined).toBe(may)
        if (slot) held.push({ tenant, origin, slot })
      }
    }),
  )
})

test('at a gateway that all share, one tenant whose calls hang keeps no other from his', () => {
  let now = 0
  const slots = createCallbackSlots(10, () => now)
  const hanging = taken(slots.take('1', 'gateway'))
  now += 10_000
  hanging?.release(false)
  const probe = taken(slots.take('1', 'gateway'))
  expect(probe).toBeDefined()
  for (let round = 0; round < 100; round++) expect(taken(slots.take('1', 'gateway'))).toBeUndefined()
  const other = taken(slots.take('2', 'gateway'))
  expect(other).toBeDefined()
  // Nor does it tell that his are answered.
  other?.release(true)
  expect(taken(slots.take('1', 'gateway'))).toBeUndefined()
})

test('those that are sent away come back one after the other, at the pace at which calls end, within a minute', () => {
  let now = 0
  const slots = createCallbackSlots(4, () => now)
  for (let round = 0; round < 40; round++) {
    const slot = taken(slots.take('1', 'a'))
    now += 100
    slot?.release(true)
  }
  slots.take('1', 'a')
  slots.take('1', 'a')
  const returns = Array.from({ length: 5_000 }, () => {
    const answer = slots.take('1', 'a')
    return 'askAgainAt' in answer ? answer.askAgainAt - now : 0
  })
  // Two slots, 100 ms a call: one is free every 50 ms; a little faster, so that it does not wait.
  expect(returns.slice(0, 3)).toEqual([40, 80, 120])
  expect(Math.max(...returns)).toBeLessThanOrEqual(60_000)
  expect(Math.min(...returns.slice(2_000))).toBeGreaterThan(25_000)
})
