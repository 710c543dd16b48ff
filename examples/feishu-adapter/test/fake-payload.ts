import { Ajv } from 'ajv'

const text = { type: 'string', minLength: 1 }
const url = { type: 'string', pattern: '^https?://' }
const object = (properties: Record<string, object>, optional: string[] = []) => ({
  type: 'object',
  additionalProperties: false,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
})
const listOf = (items: object) => ({ type: 'array', minItems: 1, items })
const tagged = (...variants: [string, Record<string, object>][]) => ({
  type: 'object',
  discriminator: { propertyName: 'tag' },
  oneOf: variants.map(([tag, properties]) => object({ tag: { const: tag }, ...properties })),
})

const plainText = tagged(['plain_text', { content: text }])
const mention = { type: 'string', pattern: '^(all|[A-Za-z0-9_-]+)$' }
const postElement = tagged(
  ['text', { text: { type: 'string' } }],
  ['a', { text, href: url }],
  ['at', { user_id: mention }],
)
const button = tagged(['button', { text: plainText, url, type: { enum: ['default', 'primary', 'danger'] } }])
const cardElement = tagged(
  ['div', { text: tagged(['lark_md', { content: text }], ['plain_text', { content: text }]) }],
  ['action', { actions: listOf(button) }],
)
const card = object(
  {
    config: object({ wide_screen_mode: { type: 'boolean' } }),
    header: object({ title: plainText }),
    elements: listOf(cardElement),
  },
  ['header'],
)

const SCHEMAS: Record<string, object> = {
  text: object({ msg_type: { const: 'text' }, content: object({ text }) }),
  post: object({
    msg_type: { const: 'post' },
    content: object({
      post: object({ zh_cn: object({ title: text, content: listOf(listOf(postElement)) }) }),
    }),
  }),
  interactive: object({ msg_type: { const: 'interactive' }, card }),
}

const ajv = new Ajv({ strict: true, discriminator: true })
const validators = new Map(Object.entries(SCHEMAS).map(([type, schema]) => [type, ajv.compile(schema)]))

/** What is wrong with a body, without its signature; undefined where Feishu takes it. */
export function payloadFault(payload: Record<string, unknown>): string | undefined {
  const validate = validators.get(String(payload.msg_type))
  if (!validate) return 'params error, msg_type need'
  if (!validate(payload)) return ajv.errorsText(validate.errors)
  return mentionFault(JSON.stringify(payload), String(payload.msg_type))
}

/** Texts and cards write a mention in different ways, and show what is not one as it is. */
function mentionFault(json: string, type: string): string | undefined {
  const tags = json.match(/<at [^>]*>/g) ?? []
  const form = type === 'text' ? /^<at user_id=\\"(all|[A-Za-z0-9_-]+)\\">$/ : /^<at id=(all|[A-Za-z0-9_-]+)>$/
  const odd = tags.find((tag) => !form.test(tag))
  return odd && `'${odd}' would be shown as it is`
}
