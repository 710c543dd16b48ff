import { createHash } from 'node:crypto'
import type { Robot } from './accounts.ts'
import { asRecord, OK, type ProviderCall, type Refusal } from './provider-call.ts'
import type { ProviderRoute } from './provider-route.ts'
import { NOBODY, type Recipients } from './received.ts'
import { type Check, every, list, object, text, type Violation } from './shape.ts'
import type { SandboxState } from './state.ts'
import { checkBody, violationRefusal, wecomRefusal } from './wecom-answers.ts'
import { cutArticles, newsPayload } from './wecom-news.ts'
import { cutCardTexts, ROBOT_CARD_CHARS, robotTemplateCard } from './wecom-template-card.ts'

const MOST_IMAGE_BYTES = 2 * 1024 * 1024
const EVERYONE = '@all'

const PAYLOADS: ReadonlyMap<string, Check> = new Map<string, Check>([
  [
    'text',
    object({
      required: { content: text({ maxBytes: 2048 }) },
      optional: { mentioned_list: list(text()), mentioned_mobile_list: list(text()) },
    }),
  ],
  ['markdown', object({ required: { content: text({ maxBytes: 4096 }) } })],
  ['markdown_v2', object({ required: { content: text({ maxBytes: 4096 }) } })],
  ['news', newsPayload],
  ['template_card', robotTemplateCard],
  ['image', every(object({ required: { base64: text(), md5: text() } }), checkImage)],
])

const envelopes = new Map(
  [...PAYLOADS].map(([msgtype, check]) => [msgtype, object({ required: { msgtype: text(), [msgtype]: check } })]),
)

/** `POST /cgi-bin/webhook/send?key=…`: the group robot. It knows no idempotency: a second call is a second message. */
export const wecomRobotSend: ProviderRoute = {
  provider: 'wecom',
  method: 'POST',
  path: '/cgi-bin/webhook/send',
  describe(call) {
    const msgtype = asRecord(call.json)?.msgtype
    return { mode: 'robot', key: call.query.key ?? '', msgtype: typeof msgtype === 'string' ? msgtype : '' }
  },
  handle(call, state) {
    const key = call.query.key ?? ''
    const robot = state.accounts.robot('wecom', key)
    const body = asRecord(call.json) ?? {}
    const refusal = checkKey(key, robot, state) ?? checkBody(call) ?? checkRate(robot, call) ?? checkMessage(body)
    if (refusal !== undefined) return { answer: wecomRefusal(refusal, call, state) }
    return { answer: OK, message: { delivered: true, recipients: readMentions(body), truncated: readCuts(body) } }
  },
}

function checkKey(key: string, robot: Robot | undefined, state: SandboxState): Refusal | undefined {
  const unknown = { errcode: 93000, errmsg: 'invalid webhook url' }
  if (key === '' || key.includes('://')) return unknown
  if (robot === undefined) return state.settings.strictTokens ? unknown : undefined
  return robot.disabled ? { errcode: 93004, errmsg: 'robot is disabled' } : undefined
}

function checkRate(robot: Robot | undefined, call: ProviderCall): Refusal | undefined {
  const admission = robot?.throttle.admit(call.at) ?? 'admitted'
  return admission === 'admitted' ? undefined : { errcode: 45009, errmsg: 'api freq out of limit' }
}

function checkMessage(body: Record<string, unknown>): Refusal | undefined {
  const check = typeof body.msgtype === 'string' ? envelopes.get(body.msgtype) : undefined
  if (check === undefined) return { errcode: 40008, errmsg: 'invalid message type' }
  const violation = check(body, '')
  return violation === undefined ? undefined : violationRefusal(violation)
}

/** Mentions: the two lists of a text, or `<@userid>` inside a markdown; the other types cannot mention anyone. */
function readMentions(body: Record<string, unknown>): Recipients {
  if (body.msgtype === 'markdown') {
    const content = String(asRecord(body.markdown)?.content)
    const userIds = Array.from(content.matchAll(/<@([^<>\s]+)>/g), (match) => match[1] ?? '')
    return userIds.length === 0 ? NOBODY : { ...NOBODY, userIds }
  }
  const payload = body.msgtype === 'text' ? asRecord(body.text) : undefined
  const { mentioned_list: users, mentioned_mobile_list: mobiles } = payload ?? {}
  if (users === undefined && mobiles === undefined) return NOBODY
  const [userList, mobileList] = [stringsOf(users), stringsOf(mobiles)]
  return {
    ...NOBODY,
    userIds: userList.filter((id) => id !== EVERYONE),
    mobiles: mobileList.filter((mobile) => mobile !== EVERYONE),
    all: userList.includes(EVERYONE) || mobileList.includes(EVERYONE),
  }
}

function readCuts(body: Record<string, unknown>): string[] {
  if (body.msgtype === 'news') return cutArticles(body.news)
  const card = asRecord(body.template_card)
  return card === undefined ? [] : cutCardTexts(card, ROBOT_CARD_CHARS)
}

function checkImage(value: unknown, path: string): Violation | undefined {
  const { base64, md5 } = asRecord(value) ?? {}
  const image = Buffer.from(String(base64), 'base64')
  if (image.length > MOST_IMAGE_BYTES) return { rule: 'tooLong', path: `${path}.base64`, limit: MOST_IMAGE_BYTES }
  const isRight = createHash('md5').update(image).digest('hex') === String(md5).toLowerCase()
  return isRight ? undefined : { rule: 'value', path: `${path}.md5` }
}

function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : []
}
