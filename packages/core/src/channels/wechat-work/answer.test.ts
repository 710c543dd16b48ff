import { describe, expect, test } from 'vitest'
import { ChannelError } from '../channel-error.ts'
import type { JsonAnswer } from '../http.ts'
import { ROBOT_CODES, readRobotAnswer, withoutHint } from './answer.ts'

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
