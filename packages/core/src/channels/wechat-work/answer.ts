import {
  type CodeRule,
  type CodeTable,
  type ErrcodeDialect,
  errmsgOf,
  permanent,
  rateLimited,
  readErrcodeAnswer,
  tokenExpired,
  transient,
} from '../errcode-answer.ts'
import type { JsonAnswer } from '../http.ts'

const HOUR_SECONDS = 3600
const DAY_SECONDS = 24 * HOUR_SECONDS
/** WeCom's days begin at midnight in China. */
const CHINA_OFFSET_SECONDS = 8 * HOUR_SECONDS

const callLimit = rateLimited(60, 'over the call limit')
const concurrencyLimit = rateLimited(2, 'too many calls at once')
const busy = transient('system busy')

/** Codes of `POST /cgi-bin/webhook/send`. */
export const ROBOT_CODES: CodeTable = {
  '-1': busy,
  45009: callLimit,
  45033: concurrencyLimit,
  93000: permanent('the webhook is not valid: wrong key, or the robot was removed'),
  93004: permanent('the robot is disabled'),
  93008: permanent('the robot is not in the group'),
  40008: permanent('the message type is not valid'),
  40035: permanent('a parameter is not valid'),
  40058: permanent('a parameter is wrong or too long'),
  40063: permanent('a parameter is empty'),
  41016: permanent('the title is missing'),
  44004: permanent('the text is missing'),
  45002: permanent('the content is too long'),
  45008: permanent('too many articles'),
}

/** Codes of the calls of an app: send, recall, users by mobile. */
export const APP_CODES: CodeTable = {
  '-1': busy,
  40001: tokenExpired('the access token is not valid'),
  40014: tokenExpired('the access token is not valid'),
  42001: tokenExpired('the access token has expired'),
  41001: permanent('the access token is missing'),
  45009: callLimit,
  45033: concurrencyLimit,
  60020: permanent('our IP is not in the trusted list of the app'),
  60011: permanent('the app has no permission for the member, party or tag'),
  50002: permanent('the app has no permission for the member'),
  48002: permanent('the app has no permission for this API'),
  301002: permanent('the app has no permission for this agent'),
  81013: permanent('no user, party or tag is valid'),
  82001: permanent('no receiver is visible to the app'),
  40003: permanent('a user id is not valid'),
  40031: permanent('the list of user ids is not valid'),
  40032: permanent('the list of user ids has a wrong length'),
  46004: permanent('no such user'),
  60111: permanent('no such user'),
  82002: permanent('too many parties'),
  82003: permanent('too many tags'),
  40056: permanent('the agent id is not valid'),
  41011: permanent('the agent id is missing'),
  50003: permanent('the app is disabled'),
  40008: permanent('the message type is not valid'),
  40035: permanent('a parameter is not valid'),
  40058: permanent('a parameter is wrong or too long'),
  40063: permanent('a parameter is empty'),
  41016: permanent('the title is missing'),
  41033: permanent('the description is missing'),
  44004: permanent('the text is missing'),
  45002: permanent('the content is too long'),
  45008: permanent('too many articles'),
  40013: permanent('the corp id is wrong'),
  40091: permanent('the secret is wrong'),
  48004: permanent('the authorisation is wrong'),
}

/** Codes of `GET /cgi-bin/gettoken`: here 40001 speaks of the secret. */
export const TOKEN_CODES: CodeTable = {
  ...APP_CODES,
  40001: permanent('the secret is wrong'),
}

/** Codes that say "none of these recipients exists": the others of the message are sent to all the same. */
export const NOBODY_CODES: readonly string[] = ['81013', '82001', '40003', '46004', '60111']
/** Codes of a look-up by mobile that say "nobody has it". */
export const UNKNOWN_MOBILE_CODES: readonly string[] = ['46004', '60111']

const ROBOT_DIALECT: ErrcodeDialect = { codes: ROBOT_CODES, readableText: withoutHint }
const APP_DIALECT: ErrcodeDialect = { codes: APP_CODES, readableText: withoutHint, refine: longerLimit }
const TOKEN_DIALECT: ErrcodeDialect = { ...APP_DIALECT, codes: TOKEN_CODES }

/**
 * Reads the answer of a robot call.
 * @throws ChannelError by ROBOT_CODES
 */
export function readRobotAnswer(answer: JsonAnswer, secrets: readonly string[]): unknown {
  return readErrcodeAnswer(answer, ROBOT_DIALECT, secrets)
}

/**
 * Reads the answer of an app's call.
 * @throws ChannelError by APP_CODES
 */
export function readAppAnswer(answer: JsonAnswer, secrets: readonly string[]): unknown {
  return readErrcodeAnswer(answer, APP_DIALECT, secrets)
}

/**
 * Reads the answer of `gettoken`.
 * @throws ChannelError by TOKEN_CODES
 */
export function readTokenAnswer(answer: JsonAnswer, secrets: readonly string[]): unknown {
  return readErrcodeAnswer(answer, TOKEN_DIALECT, secrets)
}

/** WeCom appends `, hint: […], from ip: …, more info at …`: another text on every call, and our address in it. */
export function withoutHint(errmsg: string): string {
  return errmsg.replace(/[,.]?\s*\b(hint:|from ip:|more info at\b)[\s\S]*$/i, '')
}

/** An hour's limit shuts out for an hour, a day's until midnight; only the text tells which one it was. */
function longerLimit(errcode: number, json: unknown): CodeRule | undefined {
  if (errcode !== 45009) return undefined
  const text = withoutHint(errmsgOf(json))
  if (/\bhour|小时/i.test(text)) return rateLimited(HOUR_SECONDS, 'over the call limit of an hour')
  if (/\bday|\bdaily|每天|每日/i.test(text)) return rateLimited(secondsToMidnight(), 'over the call limit of the day')
  return undefined
}

function secondsToMidnight(): number {
  return DAY_SECONDS - ((Math.floor(Date.now() / 1000) + CHINA_OFFSET_SECONDS) % DAY_SECONDS)
}
