import { createHmac } from 'node:crypto'
import type { Robot } from './accounts.ts'
import { checkRobotMessage, readMentions } from './dingtalk-robot-payload.ts'
import { asRecord, isJsonContentType, jsonAnswer, OK, type ProviderCall, type Refusal } from './provider-call.ts'
import type { ProviderRoute, RouteResult } from './provider-route.ts'
import { NOBODY } from './received.ts'
import type { SandboxState } from './state.ts'

const MOST_BYTES = 20_000
const CLOCK_TOLERANCE_MS = 3_600_000
const UUID_MEMORY_MS = 24 * 3_600_000
const MORE = ', more: [https://ding-doc.dingtalk.com/doc#/serverapi2/qf2nxq]'

/** `POST /robot/send?access_token=…[&timestamp=…&sign=…]`: the custom group robot. */
export const dingtalkRobotSend: ProviderRoute = {
  provider: 'dingtalk',
  method: 'POST',
  path: '/robot/send',
  describe(call) {
    const body = asRecord(call.json)
    return {
      mode: 'robot',
      key: call.query.access_token ?? '',
      msgtype: typeof body?.msgtype === 'string' ? body.msgtype : '',
    }
  },
  handle(call, state) {
    const token = call.query.access_token ?? ''
    const body = asRecord(call.json)
    const robot = state.accounts.robot('dingtalk', token)
    const refusal =
      checkTransport(call, body) ??
      checkToken(token, robot, state) ??
      checkSecurity(call, robot) ??
      checkRate(robot, call.at) ??
      checkRobotMessage(body ?? {})
    if (refusal !== undefined) return { answer: jsonAnswer({ ...refusal }) }
    return accept(token, body ?? {}, call, state)
  },
}

/** DingTalk's signature of a robot call: base64 of HMAC-SHA256 over `timestamp\nsecret`, keyed with the secret. */
export function robotSignature(secret: string, timestamp: string): string {
  return createHmac('sha256', secret).update(`${timestamp}\n${secret}`, 'utf8').digest('base64')
}

function accept(token: string, body: Record<string, unknown>, call: ProviderCall, state: SandboxState): RouteResult {
  if (typeof body.msgUuid === 'string') {
    const uuid = `dingtalk robot ${token} ${body.msgUuid}`
    if (state.recent.has(uuid, call.at)) return { answer: OK, message: { duplicate: true } }
    state.recent.add(uuid, call.at + UUID_MEMORY_MS)
  }
  return { answer: OK, message: { delivered: true, recipients: body.at === undefined ? NOBODY : readMentions(body) } }
}

function checkTransport(call: ProviderCall, body: Record<string, unknown> | undefined): Refusal | undefined {
  if (!isJsonContentType(call.contentType)) return { errcode: 43004, errmsg: '无效的HTTP HEADER Content-Type' }
  if (call.bytes > MOST_BYTES) {
    return { errcode: 460101, errmsg: 'message body size is not legal, please keep it within 20000 bytes' }
  }
  if (call.bytes === 0) return { errcode: 40035, errmsg: '缺少参数 json' }
  return body === undefined ? { errcode: 40035, errmsg: '不合法的参数 json' } : undefined
}

function checkToken(token: string, robot: Robot | undefined, state: SandboxState): Refusal | undefined {
  // 300005 is what the live service says today; its documentation lists 400101, older robots said 300001.
  const unknown = { errcode: 300005, errmsg: 'token is not exist' }
  if (token === '' || token.includes('://')) return unknown
  if (robot === undefined) return state.settings.strictTokens ? unknown : undefined
  return robot.disabled ? { errcode: 400102, errmsg: 'robot is disabled' } : undefined
}

function checkSecurity(call: ProviderCall, robot: Robot | undefined): Refusal | undefined {
  if (robot?.secret !== undefined) {
    const timestamp = call.query.timestamp ?? ''
    const skew = /^\d{1,16}$/.test(timestamp) ? Math.abs(call.at - Number(timestamp)) : Number.POSITIVE_INFINITY
    if (skew > CLOCK_TOLERANCE_MS) return { errcode: 310000, errmsg: `invalid timestamp${MORE}` }
    if (call.query.sign !== robotSignature(robot.secret, timestamp)) {
      return { errcode: 310000, errmsg: `sign not match${MORE}` }
    }
  }
  const keywords = robot?.keywords ?? []
  if (keywords.length > 0 && !keywords.some((keyword) => contentHolds(call.json, keyword))) {
    return { errcode: 310000, errmsg: `keywords not in content${MORE}` }
  }
}

/** Where DingTalk looks for keywords is not documented: any text of the payload counts, the `at` part does not. */
function contentHolds(json: unknown, keyword: string): boolean {
  const body = asRecord(json) ?? {}
  return someText(body[String(body.msgtype)], (text) => text.includes(keyword))
}

function someText(value: unknown, test: (text: string) => boolean): boolean {
  if (typeof value === 'string') return test(value)
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).some((entry) => someText(entry, test))
}

function checkRate(robot: Robot | undefined, now: number): Refusal | undefined {
  switch (robot?.throttle.admit(now)) {
    case 'exceeded':
      return { errcode: 130101, errmsg: `send too fast, exceed ${robot.rateLimit?.count} times per minute` }
    case 'blocked':
      return { errcode: 410100, errmsg: '发送速度太快而限流' }
  }
}
