import {
  type CodeTable,
  type ErrcodeDialect,
  permanent,
  rateLimited,
  readErrcodeAnswer,
  transient,
} from '../errcode-answer.ts'
import type { JsonAnswer } from '../http.ts'

/** Codes of `POST /cgi-bin/webhook/send`. */
export const ROBOT_CODES: CodeTable = {
  '-1': transient('system busy'),
  45009: rateLimited(60, 'over the call limit'),
  45033: rateLimited(2, 'too many calls at once'),
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

const ROBOT_DIALECT: ErrcodeDialect = { codes: ROBOT_CODES, readableText: withoutHint }

/**
 * Reads the answer of a robot call.
 * @throws ChannelError by ROBOT_CODES
 */
export function readRobotAnswer(answer: JsonAnswer, secrets: readonly string[]): unknown {
  return readErrcodeAnswer(answer, ROBOT_DIALECT, secrets)
}

/** WeCom appends `, hint: […], from ip: …, more info at …`: another text on every call, and our address in it. */
export function withoutHint(errmsg: string): string {
  return errmsg.replace(/[,.]?\s*\b(hint:|from ip:|more info at\b)[\s\S]*$/i, '')
}
