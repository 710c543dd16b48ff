import { asRecord, type Refusal } from './provider-call.ts'
import { byteLength, type Check, charLength, list, object, oneOf, text, url, type Violation } from './shape.ts'

const MOST_BYTES = 2048
const MOST_BUTTON_CHARS = 1000
const SCHEMES = ['http', 'https', 'dingtalk']

const button = object({
  required: { title: text({ maxChars: 20 }), action_url: url({ schemes: SCHEMES, maxChars: 700 }) },
})

const actionCard = object({
  required: { title: text(), markdown: text() },
  optional: {
    single_title: text({ maxChars: 20 }),
    single_url: url({ schemes: SCHEMES, maxChars: 500 }),
    btn_orientation: oneOf('0', '1'),
    btn_json_list: list(button, { min: 1 }),
  },
})

const PAYLOADS: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['text', object({ required: { content: text() } })],
  ['markdown', object({ required: { title: text(), text: text() } })],
  [
    'link',
    object({
      required: {
        messageUrl: url({ schemes: SCHEMES }),
        picUrl: url({ schemes: ['http', 'https'], mediaId: true }),
        title: text(),
        text: text(),
      },
    }),
  ],
  ['action_card', (value, path) => actionCard(value, path) ?? wrongButtons(value, path)],
])

const envelopes = new Map(
  [...PAYLOADS].map(([msgtype, check]) => [msgtype, object({ required: { msgtype: text(), [msgtype]: check } })]),
)

/** Checks the `msg` of a work notice: format, the limits of its fields, and 2048 bytes as a whole. */
export function checkWorkNotice(msg: Record<string, unknown>): Refusal | undefined {
  const check = typeof msg.msgtype === 'string' ? envelopes.get(msg.msgtype) : undefined
  if (check === undefined) return { errcode: 40008, errmsg: '不合法的消息类型 (the sandbox knows no others)' }
  const violation = check(msg, '')
  if (violation !== undefined) return refusalOf(violation)
  if (byteLength(JSON.stringify(msg)) > MOST_BYTES)
    return { errcode: 45002, errmsg: '消息内容超过限制, msg over 2048 bytes' }
}

function wrongButtons(value: unknown, path: string): Violation | undefined {
  const card = asRecord(value) ?? {}
  const hasSingle = card.single_title !== undefined || card.single_url !== undefined
  if (hasSingle) {
    if (card.single_title === undefined) return { rule: 'missing', path: `${path}.single_title` }
    return card.single_url === undefined ? { rule: 'missing', path: `${path}.single_url` } : undefined
  }
  if (card.btn_json_list === undefined) return { rule: 'missing', path: `${path}.btn_json_list` }
  if (card.btn_orientation === undefined) return { rule: 'missing', path: `${path}.btn_orientation` }
  if (charLength(JSON.stringify(card.btn_json_list)) > MOST_BUTTON_CHARS) {
    return { rule: 'tooLong', path: `${path}.btn_json_list`, limit: MOST_BUTTON_CHARS }
  }
}

function refusalOf({ rule, path, limit }: Violation): Refusal {
  if (rule === 'tooLong') return { errcode: 45002, errmsg: `消息内容超过限制, msg.${path} over ${limit}` }
  if (rule === 'empty' && path === 'text.content') return { errcode: 44004, errmsg: '文本消息内容为空' }
  return { errcode: 40035, errmsg: `不合法的参数, msg.${path}: ${rule}` }
}
