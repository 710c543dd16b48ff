import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nextWaitMs } from './retry-schedule.ts'

const HOUR = 3_600_000

test('ten tries over three days, each wait longer than the one before, by up to a tenth at random', () => {
  const waits = (random: number) =>
    Array.from({ length: 9 }, (_, index) => nextWaitMs(index + 1, undefined, () => random))
  expect(waits(0)).toEqual([5_000, 300_000, HOUR / 2, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR])
  expect(waits(1)).toEqual(waits(0).map((wait) => Math.round((wait ?? 0) * 1.1)))
  expect(nextWaitMs(10, undefined)).toBeUndefined()
})

test('Retry-After makes a wait longer, never shorter, and not longer than a day or more often', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: -HOUR, max: 1000 * HOUR }), (attempts, asked) => {
      const plain = nextWaitMs(attempts, undefined, () => 0.5) ?? 0
      expect(nextWaitMs(attempts, asked, () => 0.5)).toBe(Math.max(plain, Math.min(asked, 24 * HOUR)))
    }),
  )
  expect(nextWaitMs(10, HOUR)).toBeUndefined()
})
