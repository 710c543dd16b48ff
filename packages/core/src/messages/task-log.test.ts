import { expect, test } from 'vitest'
import { firstAttemptAt, withAttempt } from './task-log.ts'

const attempt = (at: string) => ({ at, durationMs: 1, outcome: 'rate_limited' })
const attempts = JSON.stringify(
  ['2026-11-20T10:00:00.000Z', '2026-11-23T10:00:00.500Z', '2026-11-23T10:01:00.000Z'].reduce<object[]>(
    (before, at) => withAttempt(JSON.stringify(before), attempt(at)),
    [],
  ),
)

test('attempts are numbered on', () => {
  expect(JSON.parse(attempts).map((each: { attempt: number }) => each.attempt)).toEqual([1, 2, 3])
})

test('a task has been tried since its first attempt, or the first since an operator had it tried again', () => {
  const since = (retriedAt: string | null) =>
    firstAttemptAt({ attempts, retriedAt: retriedAt === null ? null : new Date(retriedAt) })
  const at = (time: number | undefined) => time && new Date(time).toISOString()
  expect(at(since(null))).toBe('2026-11-20T10:00:00.000Z')
  expect(at(since('2026-11-23T10:00:00.400Z'))).toBe('2026-11-23T10:00:00.500Z')
  expect(since('2026-11-23T11:00:00.000Z')).toBeUndefined()
  expect(firstAttemptAt({ attempts: null, retriedAt: null })).toBeUndefined()
})
