import { asRecord, type Refusal } from './provider-call.ts'
import { type Check, integer, object, oneOf, text, url } from './shape.ts'
import { type CutRule, cutPaths, violationRefusal } from './wecom-answers.ts'
import { cutArticles, newsPayload } from './wecom-news.ts'
import { APP_CARD_CHARS, appTemplateCard, cutCardTexts } from './wecom-template-card.ts'

const LONGEST_DUPLICATE_INTERVAL_SECONDS = 4 * 3600

const PAYLOADS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['text', object({ required: { content: text() } })],
  ['markdown', object({ required: { content: text({ maxBytes: 2048 }) } })],
  [
    'textcard',
    object({
      required: { title: text(), description: text(), url: url({ schemes: ['http', 'https'], maxBytes: 2048 }) },
      optional: { btntxt: text({ mayBeEmpty: true }) },
    }),
  ],
  ['news', newsPayload],
  ['template_card', appTemplateCard],
])

const recipient = text({ mayBeEmpty: true })
const envelopes = new Map(
  [...PAYLOADS].map(([msgtype, check]) => [
    msgtype,
    object({
      required: { msgtype: text(), agentid: anyAgentId, [msgtype]: check },
      optional: {
        touser: recipient,
        toparty: recipient,
        totag: recipient,
        safe: oneOf(0, 1),
        enable_id_trans: oneOf(0, 1),
        enable_duplicate_check: oneOf(0, 1),
        duplicate_check_interval: integer(1, LONGEST_DUPLICATE_INTERVAL_SECONDS),
      },
    }),
  ]),
)

/** Checks an app message: format, field names and the limits beyond which WeCom refuses instead of cutting. */
export function checkAppMessage(body: Record<string, unknown>): Refusal | undefined {
  const check = typeof body.msgtype === 'string' ? envelopes.get(body.msgtype) : undefined
  if (check === undefined) return { errcode: 40008, errmsg: 'invalid message type (the sandbox knows no media types)' }
  if (body.agentid === undefined) return { errcode: 41011, errmsg: 'missing agentid' }
  if (!/^\d{1,15}$/.test(String(body.agentid))) return { errcode: 40056, errmsg: 'invalid agentid' }
  const violation = check(body, '')
  return violation === undefined ? undefined : violationRefusal(violation)
}

/** The texts that WeCom cuts without a word. */
export function cutAppTexts(body: Record<string, unknown>): string[] {
  if (body.msgtype === 'news') return cutArticles(body.news)
  const card = asRecord(body.template_card)
  if (card !== undefined) return cutCardTexts(card, APP_CARD_CHARS)
  const [plain, textcard] = [asRecord(body.text), asRecord(body.textcard)]
  const rules: CutRule[] = [
    { path: 'text.content', value: plain?.content, bytes: 2048 },
    { path: 'textcard.title', value: textcard?.title, bytes: 128 },
    { path: 'textcard.description', value: textcard?.description, bytes: 512 },
    { path: 'textcard.btntxt', value: textcard?.btntxt, chars: 4 },
  ]
  return cutPaths(rules)
}

/** Documented as an integer; strings of digits are in wide use and accepted. The digits are checked before. */
function anyAgentId(): undefined {
  return undefined
}
