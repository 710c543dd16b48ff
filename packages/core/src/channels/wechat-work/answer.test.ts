import { describe, expect, test } from 'vitest'
import { ChannelError } from '../channel-error.ts'
import type { JsonAnswer } from '../http.ts'
import {
  APP_CODES,
  ROBOT_CODES,
  readAppAnswer,
  readRobotAnswer,
  readTokenAnswer,
  TOKEN_CODES,
  withoutHint,
} from './answer.ts'

function answerOf(body: unknown, status = 200): JsonAnswer {
  if (typeof body === 'string') return { status, headers: {}, text: body }
  return { status, headers: {}, text: JSON.stringify(body), json: body }
}

function faultOf(answer: JsonAnswer, secrets: string[] = []): ChannelError {
  return thrownBy(() => readRobotAnswer(answer, secrets))
}

function thrownBy(read: () => unknown): ChannelError {
  try {
    read()
  } catch (error) {
    if (error instanceof ChannelError) return error
    throw error
  }
  throw new Error('no fault')
}

const RATE_LIMITED_SECONDS: [number, number][] = [
  [45009, 60],
  [45033, 2],
]
const PERMANENT = [93000, 93004, 93008, 40008, 40035, 40058, 40063, 41016, 44004, 45002, 45008]

describe('errcode', () => {
  test.each([0, '0'])('%j is success', (errcode) => {
    expect(readRobotAnswer(answerOf({ errcode, errmsg: 'ok' }), [])).toEqual({ errcode, errmsg: 'ok' })
  })
  test('-1 is TRANSIENT', () => {
    expect(faultOf(answerOf({ errcode: -1, errmsg: 'busy' }))).toMatchObject({ errorClass: 'TRANSIENT', code: '-1' })
  })
  test.each(RATE_LIMITED_SECONDS)('%i is RATE_LIMITED for %i s', (errcode, seconds) => {
    expect(faultOf(answerOf({ errcode }))).toMatchObject({
      errorClass: 'RATE_LIMITED',
      code: `${errcode}`,
      retryAfterMs: seconds * 1000,
    })
  })
  test.each(PERMANENT)('%i is PERMANENT', (errcode) => {
    expect(faultOf(answerOf({ errcode, errmsg: 'x' }))).toMatchObject({ errorClass: 'PERMANENT', code: `${errcode}` })
  })
  test('the table holds nothing else', () => {
    const listed = [-1, ...RATE_LIMITED_SECONDS.map(([code]) => code), ...PERMANENT]
    expect(Object.keys(ROBOT_CODES).map(Number).sort()).toEqual(listed.sort())
  })
  test('a code that nobody documented is PERMANENT', () => {
    expect(faultOf(answerOf({ errcode: 777 }))).toMatchObject({ errorClass: 'PERMANENT', code: '777' })
  })
})

test.each([['<html>busy</html>'], [''], [{}], [{ errcode: '' }], [null]])('%j says nothing: TRANSIENT', (body) => {
  expect(faultOf(answerOf(body))).toMatchObject({ errorClass: 'TRANSIENT', code: 'INVALID_ANSWER' })
})

test.each([
  [500, 'TRANSIENT'],
  [429, 'RATE_LIMITED'],
  [413, 'PERMANENT'],
])('HTTP %i is %s', (status, errorClass) => {
  expect(faultOf(answerOf({ errcode: 0 }, status))).toMatchObject({ errorClass, code: `HTTP_${status}` })
})

describe('errmsg', () => {
  const more = 'more info at https://open.work.weixin.qq.com/devtool/query?e=93000'
  test.each([
    [`invalid webhook url, hint: [1700_2_ab], from ip: 203.0.113.7, ${more}`, 'invalid webhook url'],
    [
      `markdown.content exceed max length 4096. from ip: 203.0.113.7, ${more}`,
      'markdown.content exceed max length 4096',
    ],
    [`api freq out of limit, ${more}`, 'api freq out of limit'],
    ['a hint to the reader', 'a hint to the reader'],
  ])('%j', (errmsg, shown) => {
    expect(withoutHint(errmsg)).toBe(shown)
    expect(faultOf(answerOf({ errcode: 93000, errmsg })).message).toBe(shown)
  })

  test('the key never shows', () => {
    const key = '693a91f6-7xxx-4bc4-97a0-0ec2sifa5aaa'
    const { message, response } = faultOf(answerOf({ errcode: 93000, errmsg: `bad ${key} at /send?key=abc` }), [key])
    expect(message).toBe('bad ****** at /send?key=******')
    expect(response).not.toContain(key)
  })
})

describe('codes of an app', () => {
  const appFaultOf = (body: unknown): ChannelError => thrownBy(() => readAppAnswer(answerOf(body), []))
  const tokenFaultOf = (body: unknown): ChannelError => thrownBy(() => readTokenAnswer(answerOf(body), []))
  const EXPIRED = [40001, 40014, 42001]
  const FINAL = [
    41001, 60020, 60011, 50002, 48002, 301002, 81013, 82001, 40003, 40031, 40032, 46004, 60111, 82002, 82003, 40056,
    41011, 50003, 40008, 40035, 40058, 40063, 41016, 41033, 44004, 45002, 45008, 40013, 40091, 48004,
  ]

  test('-1 is TRANSIENT', () => {
    expect(appFaultOf({ errcode: -1 })).toMatchObject({ errorClass: 'TRANSIENT', code: '-1' })
  })
  test.each(EXPIRED)('%i is TOKEN_EXPIRED', (errcode) => {
    expect(appFaultOf({ errcode })).toMatchObject({ errorClass: 'TOKEN_EXPIRED', code: `${errcode}` })
  })
  test.each(RATE_LIMITED_SECONDS)('%i is RATE_LIMITED for %i s', (errcode, seconds) => {
    expect(appFaultOf({ errcode })).toMatchObject({ errorClass: 'RATE_LIMITED', retryAfterMs: seconds * 1000 })
  })
  test.each(FINAL)('%i is PERMANENT', (errcode) => {
    expect(appFaultOf({ errcode })).toMatchObject({ errorClass: 'PERMANENT', code: `${errcode}` })
  })
  test('the table holds nothing else', () => {
    const listed = [-1, ...EXPIRED, ...RATE_LIMITED_SECONDS.map(([code]) => code), ...FINAL]
    expect(Object.keys(APP_CODES).map(Number).sort()).toEqual(listed.sort())
    expect(Object.keys(TOKEN_CODES)).toEqual(Object.keys(APP_CODES))
  })
  test.each([40001, 40013, 40091])('gettoken: %i is PERMANENT', (errcode) => {
    expect(tokenFaultOf({ errcode })).toMatchObject({ errorClass: 'PERMANENT', code: `${errcode}` })
  })

  test('a limit of an hour or a day lasts longer', () => {
    expect(appFaultOf({ errcode: 45009, errmsg: 'api freq out of limit of an hour' }).retryAfterMs).toBe(3_600_000)
    const untilMidnight = appFaultOf({ errcode: 45009, errmsg: 'api daily quota reached' }).retryAfterMs ?? 0
    const midnight = new Date(Date.now() + untilMidnight).toLocaleTimeString('en-GB', {
      timeZone: 'Asia/Shanghai',
      timeStyle: 'short',
    })
    expect(['00:00', '23:59']).toContain(midnight)
    const hint = 'api freq out of limit, hint: [1 hour], from ip: 1.2.3.4'
    expect(appFaultOf({ errcode: 45009, errmsg: hint }).retryAfterMs).toBe(60_000)
  })
})
