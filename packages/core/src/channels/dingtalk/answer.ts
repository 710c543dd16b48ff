import {
  type CodeRule,
  type CodeTable,
  errcodeOf,
  errmsgOf,
  fieldOf,
  permanent,
  rateLimited,
  readErrcodeAnswer,
  textField,
  tokenExpired,
  transient,
} from '../errcode-answer.ts'
import type { JsonAnswer } from '../http.ts'

/** Going over 20 messages a minute silences a robot for ten minutes. */
const ROBOT_BAN_SECONDS = 600
/** An IP over 10,000 calls in 20 s is shut out of all APIs for five minutes. */
const IP_BAN_SECONDS = 300
/** DingTalk takes a signature whose timestamp is up to an hour off its own clock; a little less leaves room for the call. */
const CLOCK_TOLERANCE_MS = 3_540_000

const disabled = rateLimited(60, 'temporarily disabled by the platform')

/** Platform-wide throttling, the same for robots and apps. */
const PLATFORM_CODES: CodeTable = {
  90002: rateLimited(1, 'the API is over its global rate'),
  90018: rateLimited(1, 'the app is over its rate'),
  ...Object.fromEntries(
    [90001, 90003, 90004, 90005, 90006, 90007, 90008, 90009, 90010, 90011, 90012, 90013, 90014, 90017].map((code) => [
      code,
      disabled,
    ]),
  ),
}

/** Codes of `POST /robot/send`. */
export const ROBOT_CODES: CodeTable = {
  ...PLATFORM_CODES,
  '-1': transient('system busy'),
  660026: transient('the robot could not send'),
  410100: rateLimited(ROBOT_BAN_SECONDS, 'sending too fast'),
  130101: rateLimited(ROBOT_BAN_SECONDS, 'sending too fast (older robots)'),
  310000: permanent('security settings refuse the message: keyword, signature, timestamp or IP'),
  400101: permanent('the access token does not exist'),
  400102: permanent('the robot is disabled'),
  400105: permanent('the message type is not supported'),
  400106: permanent('the robot is not in the group'),
  400013: permanent('the group is dissolved'),
  300001: permanent('the access token does not exist (older robots)'),
  300005: permanent('the access token does not exist'),
  40035: permanent('the JSON is missing or wrong'),
  43004: permanent('the content type is wrong'),
  43005: permanent('the content type is wrong'),
  43009: permanent('the body is not JSON'),
  430101: permanent('the message holds an unsafe link'),
  430102: permanent('the message holds forbidden text'),
  430103: permanent('the message holds a forbidden image'),
  430104: permanent('the message holds forbidden content'),
  460101: permanent('the body is over 20,000 bytes'),
}

/** Codes of the topapi: sending work notices, their results, recall, users by mobile. */
export const APP_CODES: CodeTable = {
  ...PLATFORM_CODES,
  '-1': transient('system busy'),
  15: permanent('a remote service refused the call'),
  88: permanent('authentication problem'),
  40001: tokenExpired('the access token is not valid'),
  40014: tokenExpired('the access token is not valid'),
  42001: tokenExpired('the access token has expired'),
  41001: permanent('the access token is missing'),
  40089: permanent('the credentials are wrong'),
  40035: permanent('a parameter is not valid'),
  400002: permanent('a parameter is not valid'),
  40038: permanent('the request is not valid'),
  43009: permanent('the body is not JSON'),
  40008: permanent('the message type is not valid'),
  44004: permanent('the text is empty'),
  45002: permanent('the content is too long'),
  40003: permanent('a user id is not valid'),
  33012: permanent('no user id is valid'),
  40031: permanent('the list of user ids is not valid'),
  40032: permanent('the list of user ids has a wrong length'),
  40009: permanent('a department id is not valid'),
  40056: permanent('the agent id is not valid'),
  41011: permanent('the agent id is missing'),
  50003: permanent('the app is disabled'),
  40048: permanent('the message holds an unsafe URL'),
  41049: permanent('the message holds forbidden content'),
  60022: permanent('the message holds sensitive words'),
  41028: permanent('the app may not send to everyone'),
  41044: permanent('the app may not send'),
  60011: permanent('the app has no permission for this API'),
  41029: permanent('too many receivers'),
  // Documented as "three times a day": a message to all staff that goes out at midnight helps nobody.
  41045: permanent('sent to everyone three times today already'),
  41046: rateLimited(60, 'over the limit of a minute'),
  41047: rateLimited(60, 'over the limit of a minute'),
  41048: rateLimited(60, 'over the limit of a minute'),
  45009: rateLimited(60, 'over the call limit'),
  60020: permanent('our IP is not in the allow list of the app'),
  90020: permanent('the monthly quota of API calls is used up'),
  60121: permanent('no such user'),
  40104: permanent('the mobile is not valid'),
}

/** Codes of one recipient in the result of a work notice; the meaning is what the task says of them. */
export const RESULT_CODES: CodeTable = {
  143103: rateLimited(60, 'over the limit of a minute'),
  143104: rateLimited(60, 'over the limit of a minute'),
  143203: rateLimited(60, 'over the limit of a minute'),
  143204: rateLimited(60, 'over the limit of a minute'),
  143105: permanent('over the limit of the day'),
  143205: permanent('over the limit of the day'),
  143106: permanent('has had the same content today'),
  143206: permanent('has had the same content today'),
  1430000: permanent('no receiver'),
  1430002: permanent('forbidden content'),
  1430003: transient('held back by system protection'),
  1430004: permanent('a protected executive'),
}

/** Codes that say "none of these recipients exists": the others of the message are sent to all the same. */
export const NOBODY_CODES: readonly string[] = ['33012', '40003']
/** Codes of a look-up by mobile that say "nobody has it". */
export const UNKNOWN_MOBILE_CODES: readonly string[] = ['60121', '40104']

/**
 * Reads the answer of a robot call.
 * @throws ChannelError by ROBOT_CODES
 */
export function readRobotAnswer(answer: JsonAnswer, secrets: readonly string[]): unknown {
  const dialect = { codes: ROBOT_CODES, readableText: (errmsg: string) => errmsg, strangeAnswer: ipBan }
  return readErrcodeAnswer(answer, dialect, secrets)
}

/**
 * Reads the answer of a topapi call.
 * @throws ChannelError by APP_CODES
 */
export function readAppAnswer(answer: JsonAnswer, secrets: readonly string[]): unknown {
  const readableText = (errmsg: string) => [errmsg, subMessageOf(answer.json)].filter(Boolean).join(': ')
  return readErrcodeAnswer(answer, { codes: APP_CODES, readableText, refine: bySubCode, strangeAnswer: ipBan }, secrets)
}

/** Codes 15 and 88 say only where it went wrong; the sub code says what. Its name is written in two ways. */
function bySubCode(errcode: number, json: unknown): CodeRule | undefined {
  const subCode = String(fieldOf(json, 'sub_code') ?? fieldOf(json, 'subCode') ?? '')
  if (errcode === 15 && subCode.startsWith('isp.')) return transient('a service of DingTalk is unavailable')
  if (errcode !== 88) return undefined
  if (subCode === '40014' || subCode === '42001') return tokenExpired('the access token is not valid')
  return subCode === '90018' ? PLATFORM_CODES[90018] : undefined
}

function subMessageOf(json: unknown): string {
  return textField(json, 'sub_msg') || textField(json, 'subMsg')
}

/**
 * Whether signing again, with the provider's clock, may help. The words differ and may be Chinese (`机器人发送签名过期 …
 * timestamp`), and those of a wrong signature name the timestamp too (`签名不匹配 … 时间戳`), so the clocks decide as well.
 */
export function isInvalidTimestamp(answer: JsonAnswer, signedAt: number): boolean {
  if (errcodeOf(answer.json) !== 310000) return false
  const text = errmsgOf(answer.json)
  const byWords = /timestamp|时间戳|过期/i.test(text) && !/not match|不匹配/i.test(text)
  return byWords || Math.abs(Date.parse(String(answer.headers.date)) - signedAt) > CLOCK_TOLERANCE_MS
}

/** A ban of our IP comes as a page, or as `{"status":1111,"wait":5,"source":"x5","punish":"deny"}`. */
export function ipBan({ status, json }: JsonAnswer): CodeRule | undefined {
  const isPage = json === undefined && status >= 200 && status < 300
  const isPunishment = typeof json === 'object' && json !== null && !('errcode' in json) && 'punish' in json
  return isPage || isPunishment
    ? rateLimited(IP_BAN_SECONDS, 'not the usual answer: this IP is probably shut out')
    : undefined
}
