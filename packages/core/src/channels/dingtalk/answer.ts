import {
  type CodeRule,
  type CodeTable,
  errcodeOf,
  errmsgOf,
  permanent,
  rateLimited,
  readErrcodeAnswer,
  transient,
} from '../errcode-answer.ts'
import type { JsonAnswer } from '../http.ts'

/** Going over 20 messages a minute silences a robot for ten minutes. */
const ROBOT_BAN_SECONDS = 600
/** An IP over 10,000 calls in 20 s is shut out of all APIs for five minutes. */
const IP_BAN_SECONDS = 300

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

/**
 * Reads the answer of a robot call.
 * @throws ChannelError by ROBOT_CODES
 */
export function readRobotAnswer(answer: JsonAnswer, secrets: readonly string[]): unknown {
  const dialect = { codes: ROBOT_CODES, readableText: (errmsg: string) => errmsg, strangeAnswer: ipBan }
  return readErrcodeAnswer(answer, dialect, secrets)
}

/** Whether signing again, with the provider's clock, may help. */
export function isInvalidTimestamp(answer: JsonAnswer): boolean {
  return errcodeOf(answer.json) === 310000 && errmsgOf(answer.json).toLowerCase().includes('invalid timestamp')
}

/** A ban of our IP comes as a page, or as `{"status":1111,"wait":5,"source":"x5","punish":"deny"}`. */
function ipBan({ status, json }: JsonAnswer): CodeRule | undefined {
  const isPage = json === undefined && status >= 200 && status < 300
  const isPunishment = typeof json === 'object' && json !== null && !('errcode' in json) && 'punish' in json
  return isPage || isPunishment
    ? rateLimited(IP_BAN_SECONDS, 'not the usual answer: this IP is probably shut out')
    : undefined
}
