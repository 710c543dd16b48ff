import { expect, test } from 'vitest'
import { lateAnswersOf, type Way, workerAt } from './ways.ts'

const way = (name: string, since: number, late: { port: number; askedAt: number; ms: number }[] = []): Way => ({
  name,
  proxy: {
    port: 0,
    setWeather: async () => {},
    reset: () => 0,
    carriedSince: (port, at) => (port === 4711 && since <= at ? since : undefined),
    lateAnswers: () => late,
    stop() {},
  },
})

test('a port is looked for among the ways to the providers: one to Redis may have it at the same time', () => {
  const ways = [way('worker-1→provider', 100), way('worker-3→redis', 200), way('client→api-1', 250)]
  expect(workerAt(ways, 4711, 300)).toBe('worker-1')
  expect(workerAt(ways, 4711, 99)).toBeUndefined()
  expect(workerAt(ways, 1, 300)).toBeUndefined()
  expect(workerAt(ways, undefined, 300)).toBeUndefined()
})

test('of two workers that had it one after the other, it was the last one before that time', () => {
  const ways = [way('worker-1→provider', 100), way('worker-2→provider', 200)]
  expect([150, 200, 250].map((at) => workerAt(ways, 4711, at))).toEqual(['worker-1', 'worker-2', 'worker-2'])
})

test('answers that were late are those of providers', () => {
  const late = { port: 4711, askedAt: 100, ms: 3000 }
  expect(lateAnswersOf([way('worker-1→provider', 1, [late]), way('worker-1→mysql', 1, [late])])).toEqual([
    { worker: 'worker-1', ...late },
  ])
})
