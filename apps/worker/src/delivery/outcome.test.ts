import { ChannelError, ERROR_CLASSES } from '@message-center/core/channels/channel-error.ts'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { classify, decide, type FailedAttempt } from './outcome.ts'

const DAY_MS = 24 * 3_600_000

function attempt(fields: Partial<FailedAttempt> = {}, error: unknown = new Error('down')): FailedAttempt {
  const plain: Omit<FailedAttempt, 'error'> = {
    policy: 'RESEND',
    retryCount: 0,
    maxRetry: 3,
    initialDelayMs: 60_000,
    triedForMs: 0,
  }
  return { ...plain, error: classify(error), ...fields }
}

const failing = (errorClass: (typeof ERROR_CLASSES)[number], retryAfterMs?: number) =>
  new ChannelError(errorClass, { code: '42', message: 'no', ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })

describe('what a failed attempt leads to', () => {
  test.each([
    [0, 60_000],
    [1, 120_000],
    [2, 240_000],
  ])('a passing error after %i retries waits %i ms', (retryCount, delayMs) => {
    expect(decide(attempt({ retryCount }, failing('TRANSIENT')))).toMatchObject({ next: 'retry', delayMs })
  })

  test('a passing error is final once the retries are used up', () => {
    const retries = fc.integer({ min: 0, max: 100 })
    fc.assert(
      fc.property(
        retries,
        retries,
        fc.constantFrom('TRANSIENT' as const, 'UNKNOWN' as const),
        (retryCount, maxRetry, errorClass) => {
          const { next } = decide(attempt({ retryCount, maxRetry }, failing(errorClass)))
          expect(next).toBe(retryCount < maxRetry ? 'retry' : 'fail')
        },
      ),
    )
  })

  test.each(['PERMANENT', 'TOKEN_EXPIRED'] as const)('%s is final at once', (errorClass) => {
    expect(decide(attempt({}, failing(errorClass)))).toMatchObject({ next: 'fail', failure: { code: 'CHANNEL_ERROR' } })
  })

  test('UNKNOWN is sent again, unless the config says not to', () => {
    expect(decide(attempt({ policy: 'RESEND' }, failing('UNKNOWN')))).toMatchObject({ next: 'retry' })
    expect(decide(attempt({ policy: 'FAIL' }, failing('UNKNOWN')))).toMatchObject({ next: 'fail' })
  })

  test('RATE_LIMITED waits as long as it is told, with no retry left too, and for 24 hours at most', () => {
    const used = { retryCount: 3, maxRetry: 3 }
    expect(decide(attempt(used, failing('RATE_LIMITED', 7_000)))).toMatchObject({ next: 'wait', delayMs: 7_000 })
    expect(decide(attempt(used, failing('RATE_LIMITED')))).toMatchObject({ next: 'wait', delayMs: 60_000 })
    expect(decide(attempt({ triedForMs: DAY_MS - 1 }, failing('RATE_LIMITED')))).toMatchObject({ next: 'wait' })
    expect(decide(attempt({ triedForMs: DAY_MS }, failing('RATE_LIMITED')))).toMatchObject({ next: 'fail' })
  })

  test('a wait is a time that can be waited for, whatever the adapter says', () => {
    fc.assert(
      fc.property(fc.oneof(fc.double(), fc.maxSafeInteger(), fc.anything()), (retryAfterMs) => {
        const error = Object.assign(new Error('slow down'), { errorClass: 'RATE_LIMITED', retryAfterMs })
        const decision = decide(attempt({}, error))
        expect(decision.next === 'wait' && decision.delayMs >= 100 && decision.delayMs <= DAY_MS).toBe(true)
      }),
    )
  })
})

describe('what an adapter throws', () => {
  test.each(ERROR_CLASSES)('any Error with errorClass %s counts as that', (errorClass) => {
    expect(classify(Object.assign(new Error('x'), { errorClass })).errorClass).toBe(errorClass)
  })

  test('anything else is TRANSIENT, and can be told', () => {
    fc.assert(
      fc.property(fc.anything(), (thrown) => {
        const { errorClass, code, message } = classify(thrown)
        expect(errorClass).toBe('TRANSIENT')
        expect(typeof code).toBe('string')
        expect(typeof message).toBe('string')
      }),
    )
  })

  test('its code and text are the failure’s; an outcome code of ours stays what it is', () => {
    const theirs = Object.assign(new Error('sign not match'), { errorClass: 'PERMANENT', code: 310000 })
    expect(decide(attempt({}, theirs)).failure).toEqual({ code: 'CHANNEL_ERROR', text: '310000 sign not match' })
    const ours = new ChannelError('PERMANENT', { code: 'CONTENT_TOO_LONG', message: '2049 bytes' })
    expect(decide(attempt({}, ours)).failure).toEqual({ code: 'CONTENT_TOO_LONG', text: '2049 bytes' })
  })
})
