import { describe, expect, test } from 'vitest'
import { ChannelError } from '../channel-error.ts'
import type { JsonAnswer } from '../http.ts'
import { isInvalidTimestamp, ROBOT_CODES, readRobotAnswer } from './answer.ts'

function answerOf(body: unknown, status = 200): JsonAnswer {
  if (typeof body === 'string') return { status, headers: {}, text: body }
  return { status, headers: {}, text: JSON.stringify(body), json: body }
}

function faultOf(answer: JsonAnswer, secrets: string[] = []): ChannelError {
  try {
    readRobotAnswer(answer, secrets)
  } catch (error) {
    if (error instanceof ChannelError) return error
    throw error
  }
  throw new Error('no fault')
}

const TRANSIENT = [-1, 660026]
const RATE_LIMITED_SECONDS: [number, number][] = [
  [410100, 600],
  [130101, 600],
  [90018, 1],
  [90002, 1],
  ...[90001, 90003, 90004, 90005, 90006, 90007, 90008, 90009, 90010, 90011, 90012, 90013, 90014, 90017].map(
    (code): [number, number] => [code, 60],
  ),
]
const PERMANENT = [
  310000, 400101, 400102, 400106, 400013, 400105, 40035, 43004, 43005, 43009, 430101, 430102, 430103, 430104, 300001,
  460101,
]

describe('errcode', () => {
  test.each([0, '0'])('%j is success', (errcode) => {
    expect(readRobotAnswer(answerOf({ errcode, errmsg: 'ok' }), [])).toEqual({ errcode, errmsg: 'ok' })
  })
  test.each(TRANSIENT)('%i is TRANSIENT', (errcode) => {
    expect(faultOf(answerOf({ errcode, errmsg: 'x' }))).toMatchObject({ errorClass: 'TRANSIENT', code: `${errcode}` })
  })
  test.each(RATE_LIMITED_SECONDS)('%i is RATE_LIMITED for %i s', (errcode, seconds) => {
    const limited = { errorClass: 'RATE_LIMITED', code: `${errcode}`, retryAfterMs: seconds * 1000 }
    expect(faultOf(answerOf({ errcode: `${errcode}`, errmsg: 'x' }))).toMatchObject(limited)
  })
  test.each(PERMANENT)('%i is PERMANENT', (errcode) => {
    expect(faultOf(answerOf({ errcode, errmsg: 'x' }))).toMatchObject({ errorClass: 'PERMANENT', code: `${errcode}` })
  })
  test('the table holds nothing else', () => {
    const listed = [...TRANSIENT, ...RATE_LIMITED_SECONDS.map(([code]) => code), ...PERMANENT]
    expect(Object.keys(ROBOT_CODES).map(Number).sort()).toEqual(listed.sort())
  })
  test('a code that nobody documented is PERMANENT', () => {
    expect(faultOf(answerOf({ errcode: 777 }))).toMatchObject({ errorClass: 'PERMANENT', code: '777' })
  })
  test('the provider’s text is shown, ours where it sends none', () => {
    expect(faultOf(answerOf({ errcode: 310000, errmsg: 'keywords not in content' })).message).toBe(
      'keywords not in content',
    )
    expect(faultOf(answerOf({ errcode: 400102 })).message).toBe('the robot is disabled')
  })
})

describe('an answer that is not the usual one', () => {
  const banned = { errorClass: 'RATE_LIMITED', code: 'INVALID_ANSWER', retryAfterMs: 300_000 }
  test.each([
    ['a page', answerOf('<html>denied</html>')],
    ['nothing', answerOf('')],
    ['the punishment', answerOf({ status: 1111, wait: 5, source: 'x5', punish: 'deny' })],
    ['the punishment as 403', answerOf({ status: 1111, wait: 5, source: 'x5', punish: 'deny' }, 403)],
  ])('%s means that our IP is shut out', (_, answer) => {
    expect(faultOf(answer)).toMatchObject(banned)
  })

  test.each([[{}], [{ errcode: null }], [{ errcode: '' }], [[]], [null], [7]])('%j is TRANSIENT', (body) => {
    expect(faultOf(answerOf(body))).toMatchObject({ errorClass: 'TRANSIENT', code: 'INVALID_ANSWER' })
  })

  test.each([
    [502, 'TRANSIENT'],
    [429, 'RATE_LIMITED'],
    [404, 'PERMANENT'],
    [413, 'PERMANENT'],
  ])('HTTP %i is %s, whatever the body says', (status, errorClass) => {
    for (const body of ['<html>', { errcode: 0 }, { errcode: 310000 }]) {
      expect(faultOf(answerOf(body, status))).toMatchObject({ errorClass, code: `HTTP_${status}` })
    }
  })
})

describe('what is kept', () => {
  test('holds no secret', () => {
    const secrets = ['0a1b2c3d4e5f', 'SECabcdef']
    const body = { errcode: 310000, errmsg: 'bad /robot/send?access_token=0a1b2c3d4e5f&sign=x%3D for SECabcdef' }
    const { message, response } = faultOf(answerOf(body), secrets)
    expect(message).toBe('bad /robot/send?access_token=******&sign=****** for ******')
    expect(response).not.toMatch(/0a1b2c3d4e5f|SECabcdef|x%3D/)
    const kept = readRobotAnswer(answerOf({ errcode: 0, echo: '0a1b2c3d4e5f' }), secrets)
    expect(JSON.stringify(kept)).not.toContain('0a1b2c3d4e5f')
  })

  test('is not endless', () => {
    const { message, response } = faultOf(answerOf({ errcode: 1, errmsg: 'x'.repeat(9000) }))
    expect([message.length, response?.length]).toEqual([400, 4000])
  })
})

test('isInvalidTimestamp', () => {
  expect(isInvalidTimestamp(answerOf({ errcode: 310000, errmsg: 'invalid timestamp' }))).toBe(true)
  expect(isInvalidTimestamp(answerOf({ errcode: '310000', errmsg: 'Invalid Timestamp, more: …' }))).toBe(true)
  expect(isInvalidTimestamp(answerOf({ errcode: 310000, errmsg: 'sign not match' }))).toBe(false)
  expect(isInvalidTimestamp(answerOf({ errcode: 1, errmsg: 'invalid timestamp' }))).toBe(false)
})
