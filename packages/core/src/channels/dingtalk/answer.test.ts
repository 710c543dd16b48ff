import { describe, expect, test } from 'vitest'
import { ChannelError } from '../channel-error.ts'
import type { JsonAnswer } from '../http.ts'
import { APP_CODES, isInvalidTimestamp, RESULT_CODES, ROBOT_CODES, readAppAnswer, readRobotAnswer } from './answer.ts'

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
  300005, 460101,
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

describe('isInvalidTimestamp', () => {
  const now = Date.parse('2026-03-01T12:00:00Z')
  const refused = (errmsg: string, date = 'Sun, 01 Mar 2026 12:00:01 GMT', errcode: number | string = 310000) =>
    isInvalidTimestamp({ ...answerOf({ errcode, errmsg }), headers: { date } }, now)

  test.each([
    'invalid timestamp',
    'Invalid Timestamp, more: …',
    'description:机器人发送签名过期;solution:签名生成时间和发送时间请保持在timestampms以内',
  ])('by its words: %s', (errmsg) => {
    expect([refused(errmsg), refused(errmsg, 'nonsense'), refused(errmsg, undefined, '310000')]).toEqual([
      true,
      true,
      true,
    ])
  })

  test.each([
    'sign not match',
    'keywords not in content',
    'description:机器人发送签名不匹配;solution:请确认签名和生成签名的时间戳必须都放在调用的网址中',
  ])('other words: only where the clocks differ by an hour: %s', (errmsg) => {
    expect(refused(errmsg)).toBe(false)
    expect(refused(errmsg, 'Sun, 01 Mar 2026 13:00:01 GMT')).toBe(true)
    expect(refused(errmsg, 'Sun, 01 Mar 2026 10:59:59 GMT')).toBe(true)
  })

  test('another code never', () => {
    expect(refused('invalid timestamp', 'Sun, 01 Mar 2026 20:00:00 GMT', 1)).toBe(false)
  })
})

describe('codes of an app', () => {
  const appFaultOf = (answer: JsonAnswer): ChannelError => thrownBy(() => readAppAnswer(answer, []))
  const EXPIRED = [40001, 40014, 42001]
  const LIMITED: [number, number][] = [
    ...RATE_LIMITED_SECONDS.slice(2),
    [41046, 60],
    [41047, 60],
    [41048, 60],
    [45009, 60],
  ]
  const FINAL = [
    15, 88, 41001, 40089, 40035, 400002, 40038, 43009, 40008, 44004, 45002, 40003, 33012, 40031, 40032, 40009, 40056,
    41011, 50003, 40048, 41049, 60022, 41028, 41044, 60011, 41029, 41045, 60020, 90020, 60121, 40104,
  ]

  test('-1 is TRANSIENT', () => {
    expect(appFaultOf(answerOf({ errcode: -1 }))).toMatchObject({ errorClass: 'TRANSIENT', code: '-1' })
  })
  test.each(EXPIRED)('%i is TOKEN_EXPIRED', (errcode) => {
    expect(appFaultOf(answerOf({ errcode }))).toMatchObject({ errorClass: 'TOKEN_EXPIRED', code: `${errcode}` })
  })
  test.each(LIMITED)('%i is RATE_LIMITED for %i s', (errcode, seconds) => {
    expect(appFaultOf(answerOf({ errcode }))).toMatchObject({
      errorClass: 'RATE_LIMITED',
      retryAfterMs: seconds * 1000,
    })
  })
  test.each(FINAL)('%i is PERMANENT', (errcode) => {
    expect(appFaultOf(answerOf({ errcode }))).toMatchObject({ errorClass: 'PERMANENT', code: `${errcode}` })
  })
  test('the table holds nothing else', () => {
    const listed = [-1, ...EXPIRED, ...LIMITED.map(([code]) => code), ...FINAL]
    expect(Object.keys(APP_CODES).map(Number).sort()).toEqual(listed.sort())
  })

  test.each([
    [{ errcode: 88, sub_code: '40014' }, 'TOKEN_EXPIRED'],
    [{ errcode: 88, sub_code: 42001 }, 'TOKEN_EXPIRED'],
    [{ errcode: 88, subCode: '40014' }, 'TOKEN_EXPIRED'],
    [{ errcode: 88, sub_code: '90018' }, 'RATE_LIMITED'],
    [{ errcode: 88, sub_code: '60011' }, 'PERMANENT'],
    [{ errcode: 15, sub_code: 'isp.-1' }, 'TRANSIENT'],
    [{ errcode: 15, sub_code: 'isv.invalid-parameter' }, 'PERMANENT'],
  ])('the sub code decides: %j is %s', (body, errorClass) => {
    expect(appFaultOf(answerOf(body))).toMatchObject({ errorClass })
  })

  test('a sub message is shown, too', () => {
    const { message } = appFaultOf(answerOf({ errcode: 88, errmsg: 'ding', sub_code: '60011', sub_msg: '没有权限' }))
    expect(message).toBe('ding: 没有权限')
  })

  test('a page instead of JSON: our IP is shut out', () => {
    expect(appFaultOf(answerOf('<html>'))).toMatchObject({ errorClass: 'RATE_LIMITED', retryAfterMs: 300_000 })
  })
})

test.each([
  [[143103, 143104, 143203, 143204], 'RATE_LIMITED', 60_000],
  [[143105, 143205, 143106, 143206, 1430000, 1430002, 1430004], 'PERMANENT', undefined],
  [[1430003], 'TRANSIENT', undefined],
])('codes of one recipient: %j are %s', (codes, errorClass, retryAfterMs) => {
  for (const code of codes) expect(RESULT_CODES[code]).toMatchObject({ errorClass })
  for (const code of codes) expect(RESULT_CODES[code]?.retryAfterMs).toBe(retryAfterMs)
  expect(Object.keys(RESULT_CODES)).toHaveLength(12)
})
