import { describe, expect, test } from 'vitest'
import { httpStatusFault } from './http-status.ts'

const NOW = Date.parse('2026-03-01T00:00:00Z')
const faultOf = (status: number, headers = {}) => httpStatusFault({ status, headers, text: 'raw' }, 'kept', NOW)

describe('httpStatusFault', () => {
  test.each([200, 201, 204, 299])('%i leaves the decision to the body', (status) => {
    expect(faultOf(status)).toBeUndefined()
  })

  test.each([500, 502, 503, 504, 599])('%i is TRANSIENT', (status) => {
    expect(faultOf(status)).toMatchObject({ errorClass: 'TRANSIENT', code: `HTTP_${status}`, response: 'kept' })
  })

  test.each([304, 400, 401, 403, 404, 408, 413, 499, 600])('%i is PERMANENT', (status) => {
    expect(faultOf(status)).toMatchObject({ errorClass: 'PERMANENT', code: `HTTP_${status}` })
  })

  test.each([
    ['seconds', '7', 7000],
    ['an HTTP date', 'Sun, 01 Mar 2026 00:02:00 GMT', 120_000],
    ['several headers', ['5', '9'], 5000],
    ['nothing', undefined, 60_000],
    ['nonsense', 'soon', 60_000],
    ['zero', '0', 1000],
    ['a date gone by', 'Sun, 01 Mar 2020 00:00:00 GMT', 1000],
  ])('429 with %s as Retry-After', (_, header, retryAfterMs) => {
    expect(faultOf(429, { 'retry-after': header })).toMatchObject({ errorClass: 'RATE_LIMITED', retryAfterMs })
  })
})
