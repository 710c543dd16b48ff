import { describe, expect, test } from 'vitest'
import type { Arrival, Books, FaultRecord, LateAnswer, ProcessEnd, Stored, Told } from './books.ts'
import { checkBooks } from './check-books.ts'

const LIMITS = { sendTimeoutMs: 3_000, leaseMs: 8_000 }
/** Epoch ms of the first arrival in these books. */
const T = 1_800_000_000_000

const told: Told = {
  messageId: 'm-1',
  channels: ['DINGTALK', 'WECHAT_WORK', 'LOCAL'],
  failing: [],
  answers: [
    { at: T - 100, status: null },
    { at: T - 50, status: 202 },
  ],
}
const task = (channel: string) => ({ channel, status: 'SUCCESS', resultMessage: 'ok', retryCount: 0, finished: true })
const stored: Stored = {
  messageId: 'm-1',
  status: 'SUCCESS',
  totalChannels: 3,
  successChannels: 3,
  failedChannels: 0,
  finished: true,
  tasks: told.channels.map(task),
}
const arrival = (fields: Partial<Arrival> = {}): Arrival => ({
  messageId: 'm-1',
  channel: 'WECHAT_WORK',
  at: T,
  worker: 'worker-1',
  port: 40_001,
  shown: true,
  ...fields,
})
const arrivals = told.channels.map((channel) => arrival({ channel }))
const books = (fields: Partial<Books> = {}): Books => ({
  told: [told],
  stored: [stored],
  arrivals,
  faults: [],
  ends: [],
  lateAnswers: [],
  ...fields,
})
const check = (fields?: Partial<Books>) => checkBooks(books(fields), LIMITS)
const fault = (kind: string, target: string, from: number, to: number, fields: Partial<FaultRecord> = {}) => ({
  kind,
  target,
  detail: '',
  from: T + from,
  to: T + to,
  moments: [],
  ...fields,
})
const late = (fields: Partial<LateAnswer>): LateAnswer => ({
  worker: 'worker-1',
  port: 40_001,
  askedAt: T - 50,
  ms: 3_050,
  ...fields,
})
const end = (process: string, at: number, fields: Partial<ProcessEnd> = {}): ProcessEnd => ({
  process,
  at: T + at,
  code: null,
  signal: 'SIGKILL',
  told: { signal: 'SIGKILL', at: T + at },
  ...fields,
})

test('books that agree are in order', () => {
  expect(check()).toEqual({ accepted: 1, final: 1, lost: [], wrong: [], doubles: [], ok: true })
})

describe('a loss', () => {
  const one = (fields: Partial<Stored>): Partial<Books> => ({ stored: [{ ...stored, ...fields }] })
  const failedTask = { ...task('LOCAL'), status: 'FAILED', resultMessage: 'CHANNEL_ERROR', retryCount: 3 }
  test.each<[string, Partial<Books>, string]>([
    ['accepted, and not stored', { stored: [] }, 'accepted, and not in MySQL'],
    ['not final', one({ status: 'PROCESSING', finished: false }), 'not final: PROCESSING'],
    ['a channel without a task', one({ tasks: [task('DINGTALK'), task('LOCAL')] }), 'no task for WECHAT_WORK'],
    [
      'a task given up',
      one({ tasks: [...stored.tasks.slice(0, 2), failedTask] }),
      'LOCAL FAILED after 3 retries: CHANNEL_ERROR',
    ],
    [
      'recorded as sent, and never arrived',
      { arrivals: arrivals.slice(1) },
      'DINGTALK is recorded as sent, and never arrived',
    ],
  ])('is found: %s', (_what, fields, why) => {
    const verdict = check(fields)
    expect(verdict.lost).toContainEqual({ subject: 'm-1', why })
    expect(verdict).toMatchObject({ accepted: 1, final: 0, ok: false })
  })

  test('is none where no client was told that the message is taken', () => {
    const answers = [
      { at: T, status: 503 },
      { at: T + 1, status: null },
    ]
    expect(check({ told: [{ ...told, answers }], stored: [], arrivals: [] })).toMatchObject({
      accepted: 0,
      lost: [],
      ok: true,
    })
  })

  test('is none where the channel cannot take the message, and says so', () => {
    const failed = { ...task('WECHAT_WORK'), status: 'FAILED' }
    const row = { ...stored, status: 'PARTIAL_SUCCESS', successChannels: 2, failedChannels: 1 }
    const verdict = check({
      told: [{ ...told, failing: ['WECHAT_WORK'] }],
      stored: [{ ...row, tasks: [task('DINGTALK'), failed, task('LOCAL')] }],
      arrivals: arrivals.filter(({ channel }) => channel !== 'WECHAT_WORK'),
    })
    expect(verdict).toMatchObject({ final: 1, ok: true })
  })
})

describe('what is wrong besides', () => {
  const answered = (...statuses: number[]): Partial<Books> => ({
    told: [{ ...told, answers: statuses.map((status) => ({ at: T, status })) }],
  })
  const open = { ...task('LOCAL'), status: 'SENDING', finished: false }
  test.each<[string, Partial<Books>, string]>([
    ['an answer that is none of the contract', answered(202, 500), 'answered 500'],
    ['a message that was new twice', answered(202, 202), 'accepted as new twice'],
    [
      'a status that its tasks do not give',
      { stored: [{ ...stored, status: 'FAILED' }] },
      'FAILED, by its tasks SUCCESS',
    ],
    [
      'counts that its tasks do not give',
      { stored: [{ ...stored, successChannels: 2 }] },
      'counts 3/2/0, by its tasks 3/3/0',
    ],
    [
      'an open task of a final message',
      { stored: [{ ...stored, tasks: [...stored.tasks.slice(0, 2), open] }] },
      'SUCCESS, with a task that is SENDING',
    ],
    ['a row that nobody posted', { stored: [stored, { ...stored, messageId: 'm-2' }] }, 'stored, and nobody posted it'],
    ['two rows of a message', { stored: [stored, stored] }, '2 rows in MySQL'],
  ])('is found: %s', (_what, fields, why) => {
    const verdict = check(fields)
    expect(verdict.wrong.map((finding) => finding.why)).toContain(why)
    expect(verdict.ok).toBe(false)
  })

  test('is found: a call by a channel that the message was not for', () => {
    const verdict = check({ told: [{ ...told, channels: ['DINGTALK', 'LOCAL'] }] })
    expect(verdict.wrong).toEqual([{ subject: 'm-1', why: 'arrived by WECHAT_WORK, which it was not for' }])
  })
})

describe('the end of a process', () => {
  const told = (signal: string, at: number) => ({ signal, at: T + at })
  const away = fault('mysql-kill', 'mysql', 0, 20_000)
  test.each<[string, Partial<Books>, string]>([
    ['by itself', { ends: [end('api-1', 0, { code: 1, signal: null, told: null })] }, 'ended by itself: code 1'],
    [
      'other than in good order, though it was asked to',
      { ends: [end('api-1', 100, { code: 1, signal: null, told: told('SIGTERM', 0) })], faults: [away] },
      'was told to stop, and ended 0.1 s later: code 1',
    ],
    [
      'not within its time, for no reason',
      { ends: [end('api-1', 10_000, { told: told('SIGTERM', 0) })] },
      'was told to stop, and ended 10.0 s later: SIGKILL',
    ],
  ])('is wrong: %s', (_how, fields, why) => {
    expect(check(fields)).toMatchObject({ wrong: [{ subject: 'api-1', why }], ok: false })
  })

  test.each<[string, Partial<Books>]>([
    ['by kill -9', { ends: [end('api-1', 0)] }],
    ['in good order', { ends: [end('api-1', 300, { code: 0, signal: null, told: told('SIGTERM', 0) })] }],
    [
      'after its time, because MySQL kept it waiting',
      { ends: [end('api-1', 10_000, { told: told('SIGTERM', 0) })], faults: [away] },
    ],
  ])('is all right: %s', (_how, fields) => {
    expect(check(fields)).toMatchObject({ wrong: [], ok: true })
  })
})

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
