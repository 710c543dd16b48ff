import { expect, test } from 'vitest'
import { slopeOf } from './statistics.ts'

test('what grows by 3 for each 1 has that slope, whatever swings about it; what does not grow has none', () => {
  const times = Array.from({ length: 100 }, (_, index) => index / 10)
  const swing = (time: number) => (Math.round(time * 10) % 2 === 0 ? 5 : -5)
  expect(slopeOf(times.map((time) => [time, 100 + 3 * time] as const))).toBeCloseTo(3)
  expect(slopeOf(times.map((time) => [time, 100 + 3 * time + swing(time)] as const))).toBeCloseTo(3, 1)
  expect(slopeOf(times.map((time) => [time, 100] as const))).toBeCloseTo(0)
})
