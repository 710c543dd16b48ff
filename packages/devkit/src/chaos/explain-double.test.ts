import { describe, expect, test } from 'vitest'
import type { Arrival, Books } from './books.ts'
import { arrival, arrivals, check, end, fault, late, T } from './books-fixture.ts'

describe('a second call', () => {
  /** The message arrives by WECHAT_WORK again, `laterMs` after the first time, by another worker. */
  const again = (laterMs: number, fields: Partial<Books>, second: Partial<Arrival> = {}) =>
    check({ arrivals: [...arrivals, arrival({ at: T + laterMs, worker: 'worker-2', ...second })], ...fields })
  const explanations = (...args: Parameters<typeof again>) => {
    const { doubles, ok, lost } = again(...args)
    expect(lost).toEqual([])
    expect(ok).toBe(doubles.every(({ explanation }) => explanation !== undefined))
    return doubles.map(({ explanation }) => explanation)
  }

  test.each<[string, number, Partial<Books>]>([
    [
      'the way to the provider was reset before the answer',
      400,
      { faults: [fault('net-reset', 'worker-1→provider', -500, 900, { moments: [T + 100] })] },
    ],
    ['the way was half open', 3_300, { faults: [fault('net-half-open', 'worker-1→provider', -500, 4_000)] }],
    [
      'the answer came too late on a slow way',
      3_300,
      {
        faults: [fault('net-latency', 'worker-1→provider', -2_000, 4_000, { latencyMs: 2_000 })],
        lateAnswers: [late({})],
      },
    ],
    ['the answer was late on the wire, because the machine was busy', 3_300, { lateAnswers: [late({})] }],
    ['the worker was killed before it wrote the outcome', 9_000, { ends: [end('worker-1', 800)] }],
    [
      'the worker was killed while MySQL kept it from writing',
      12_000,
      { ends: [end('worker-1', 5_000)], faults: [fault('mysql-kill', 'mysql', 100, 4_500)] },
    ],
    [
      'the worker stood still until its lease was over',
      9_000,
      { faults: [fault('worker-freeze', 'worker-1', 200, 22_000)] },
    ],
    [
      'the worker stood still while its request was held on a slow way',
      9_000,
      {
        faults: [
          fault('net-latency', 'worker-1→provider', -10_000, -1_000, { latencyMs: 1_900 }),
          fault('worker-freeze', 'worker-1', -1_600, 20_000),
        ],
      },
    ],
    [
      'MySQL could not be written to until the lease was over',
      9_000,
      { faults: [fault('net-refuse', 'worker-1→mysql', 500, 8_500)] },
    ],
  ])('is explained: %s', (_why, laterMs, fields) => {
    const [explanation] = explanations(laterMs, fields)
    expect(explanation).toBeTypeOf('string')
  })

  test.each<[string, number, Partial<Books>]>([
    ['nothing was wrong', 500, {}],
    ['another worker was cut off', 400, { faults: [fault('net-half-open', 'worker-3→provider', -500, 4_000)] }],
    [
      'the worker was cut off from something else',
      400,
      { faults: [fault('net-half-open', 'worker-1→redis', -500, 4_000)] },
    ],
    [
      'the way was reset long before',
      400,
      { faults: [fault('net-reset', 'worker-1→provider', -5_000, 0, { moments: [T - 4_000] })] },
    ],
    [
      'the way was slow, but not so slow',
      400,
      {
        faults: [fault('net-latency', 'worker-1→provider', -500, 4_000, { latencyMs: 700 })],
        lateAnswers: [late({ ms: 1_600 })],
      },
    ],
    ['another connection was answered late', 3_300, { lateAnswers: [late({ port: 40_002 })] }],
    ['the connection was answered late before', 3_300, { lateAnswers: [late({ askedAt: T - 9_000 })] }],
    ['the worker was killed long after', 20_000, { ends: [end('worker-1', 10_000)] }],
    ['the worker ended in good order', 9_000, { ends: [end('worker-1', 800, { code: 0, signal: null })] }],
    ['another worker was killed', 9_000, { ends: [end('worker-3', 800)] }],
    [
      'the worker stood still, and the second came before its lease was over',
      1_000,
      { faults: [fault('worker-freeze', 'worker-1', 200, 22_000)] },
    ],
    [
      'the worker stood still before, and its way was slow long before',
      9_000,
      {
        faults: [
          fault('net-latency', 'worker-1→provider', -20_000, -9_000, { latencyMs: 1_900 }),
          fault('worker-freeze', 'worker-1', -1_600, 20_000),
        ],
      },
    ],
    ['the worker stood still later', 30_000, { faults: [fault('worker-freeze', 'worker-1', 9_000, 31_000)] }],
    ['MySQL was away for a moment', 9_000, { faults: [fault('mysql-kill', 'mysql', 100, 1_500)] }],
    ['Redis was emptied', 500, { faults: [fault('redis-flush', 'redis', 100, 100)] }],
    ['a clock was set', 500, { faults: [fault('worker-clock', 'worker-2', -500, 5_000)] }],
  ])('is not explained: %s', (_why, laterMs, fields) => {
    expect(explanations(laterMs, fields)).toEqual([undefined])
  })

  test('counts also where the provider dropped it as a copy', () => {
    expect(explanations(500, {}, { shown: false })).toEqual([undefined])
  })

  test('of three calls each is explained by itself', () => {
    const cut = fault('net-reset', 'worker-1→provider', 0, 900, { moments: [T + 100] })
    const third = arrival({ at: T + 5_000, worker: 'worker-1' })
    expect(
      explanations(400, {
        faults: [cut],
        arrivals: [...arrivals, arrival({ at: T + 400, worker: 'worker-2' }), third],
      }),
    ).toEqual([expect.any(String), undefined])
  })
})
