import { describe, expect, test } from 'vitest'
import type { Books, Stored } from './books.ts'
import { arrivals, check, end, fault, stored, T, task, told } from './books-fixture.ts'

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

  test('is none where no client was told that the message is taken; that nobody took it is wrong', () => {
    const answers = [
      { at: T, status: 503 },
      { at: T + 1, status: null },
    ]
    expect(check({ told: [{ ...told, answers }], stored: [], arrivals: [] })).toMatchObject({
      accepted: 0,
      lost: [],
      wrong: [{ subject: 'm-1', why: 'was never taken, however often it was posted' }],
      ok: false,
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
    ['while it was still being loaded', { ends: [end('api-1', 300, { signal: 'SIGTERM', told: told('SIGTERM', 0) })] }],
    [
      'after its time, because MySQL kept it waiting',
      { ends: [end('api-1', 10_000, { told: told('SIGTERM', 0) })], faults: [away] },
    ],
  ])('is all right: %s', (_how, fields) => {
    expect(check(fields)).toMatchObject({ wrong: [], ok: true })
  })
})
