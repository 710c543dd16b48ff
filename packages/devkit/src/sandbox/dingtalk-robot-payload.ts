import { asRecord, type Refusal } from './provider-call.ts'
import { NOBODY, type Recipients } from './received.ts'
import { type Check, list, object, oneOf, text, url, type Violation } from './shape.ts'

const MOST_MENTIONS = 50
const SCHEMES = ['http', 'https', 'dingtalk']
const webUrl = url({ schemes: SCHEMES })
const picture = url({ schemes: ['http', 'https'], mediaId: true, mayBeEmpty: true })

const actionCard = object({
  required: { title: text(), text: text() },
  optional: {
    singleTitle: text(),
    singleURL: webUrl,
    btns: list(object({ required: { title: text(), actionURL: webUrl } }), { min: 1 }),
    btnOrientation: oneOf('0', '1'),
    hideAvatar: oneOf('0', '1'),
  },
})

const PAYLOADS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['text', object({ required: { content: text() } })],
  ['markdown', object({ required: { title: text(), text: text() } })],
  ['link', object({ required: { title: text(), text: text(), messageUrl: webUrl }, optional: { picUrl: picture } })],
  ['actionCard', (value, path) => actionCard(value, path) ?? missingButton(value, path)],
  [
    'feedCard',
    object({
      required: {
        links: list(object({ required: { title: text(), messageURL: webUrl, picURL: picture } }), { min: 1 }),
      },
    }),
  ],
])

/** Types that can show a mention, and the field whose text must hold `@<id>`. */
const MENTION_FIELDS: Record<string, string> = { text: 'content', markdown: 'text', actionCard: 'text' }

const envelopes = new Map([...PAYLOADS].map(([msgtype, check]) => [msgtype, envelopeOf(msgtype, check)]))

/** Checks a robot message against the documented format; unknown fields are refused, which DingTalk itself would not. */
export function checkRobotMessage(body: Record<string, unknown>): Refusal | undefined {
  const { msgtype } = body
  if (msgtype === undefined) return { errcode: 40035, errmsg: 'miss param : msgtype' }
  const check = typeof msgtype === 'string' ? envelopes.get(msgtype) : undefined
  if (check === undefined) return { errcode: 400105, errmsg: 'msgtype is not supported' }
  const violation = check(body, '') ?? tooManyMentions(asRecord(body.at))
  return violation === undefined ? undefined : { errcode: 40035, errmsg: describeViolation(violation) }
}

/** Who is mentioned so that people see it. For text and markdown the id must also stand in the text as `@<id>`. */
export function readMentions(body: Record<string, unknown>): Recipients {
  const at = asRecord(body.at)
  if (at === undefined) return NOBODY
  const msgtype = String(body.msgtype)
  const shownText = String(asRecord(body[msgtype])?.[MENTION_FIELDS[msgtype] ?? ''] ?? '')
  const userIds = stringsOf(at.atUserIds)
  const mobiles = stringsOf(at.atMobiles)
  const isShown = (id: string) => shownText.includes(`@${id}`)
  const all = at.isAtAll === true && (msgtype === 'text' || msgtype === 'markdown')
  const notShown = [...userIds, ...mobiles].filter((id) => !isShown(id))
  if (at.isAtAll === true && !all) notShown.push('@all')
  return { ...NOBODY, userIds: userIds.filter(isShown), mobiles: mobiles.filter(isShown), all, notShown }
}

function envelopeOf(msgtype: string, payload: Check): Check {
  return object({
    required: { msgtype: text(), [msgtype]: payload },
    optional: {
      msgUuid: text(),
      at: object({
        optional: { atMobiles: list(text()), atUserIds: list(text()), isAtAll: oneOf(true, false) },
      }),
    },
  })
}

function missingButton(value: unknown, path: string): Violation | undefined {
  const card = asRecord(value) ?? {}
  if (card.singleTitle !== undefined && card.singleURL !== undefined) return undefined
  if (card.singleTitle !== undefined) return { rule: 'missing', path: `${path}.singleURL` }
  if (card.singleURL !== undefined) return { rule: 'missing', path: `${path}.singleTitle` }
  return card.btns === undefined ? { rule: 'missing', path: `${path}.btns` } : undefined
}

function tooManyMentions(at: Record<string, unknown> | undefined): Violation | undefined {
  const count = stringsOf(at?.atUserIds).length + stringsOf(at?.atMobiles).length
  return count > MOST_MENTIONS ? { rule: 'tooMany', path: 'at', limit: MOST_MENTIONS } : undefined
}

function describeViolation({ rule, path, limit }: Violation): string {
  const field = path.replaceAll('.', '->')
  switch (rule) {
    case 'missing':
    case 'empty':
      return `miss param : ${field}`
    case 'unknown':
      return `unknown param : ${field} (the sandbox refuses what DingTalk would ignore)`
    case 'url':
      return `invalid url : ${field}`
    case 'tooMany':
    case 'tooLong':
      return `param out of limit ${limit} : ${field}`
    default:
      return `invalid param : ${field}`
  }
}

function stringsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : []
}
