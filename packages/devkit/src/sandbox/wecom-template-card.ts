import { asRecord } from './provider-call.ts'
import { type Check, every, integer, list, object, oneOf, text, url, type Violation } from './shape.ts'
import { type CutRule, cutPaths } from './wecom-answers.ts'

const webUrl = url({ schemes: ['http', 'https'], maxBytes: 2048 })
const anyText = text({ mayBeEmpty: true })

const action = { url: webUrl, appid: text(), pagepath: text() }
const titled = object({ optional: { title: anyText, desc: anyText } })

const commonFields: Record<string, Check> = {
  source: object({ optional: { icon_url: webUrl, desc: anyText, desc_color: oneOf(0, 1, 2, 3) } }),
  main_title: titled,
  quote_area: object({ optional: { ...action, type: oneOf(0, 1, 2), title: anyText, quote_text: anyText } }),
  sub_title_text: anyText,
  horizontal_content_list: list(
    object({
      required: { keyname: text() },
      optional: { type: oneOf(0, 1, 2, 3), value: anyText, url: webUrl, media_id: text(), userid: text() },
    }),
    { max: 6 },
  ),
  jump_list: list(
    every(
      object({ required: { title: text() }, optional: { ...action, type: oneOf(0, 1, 2) } }),
      targetOf({ url: 1, appid: 2 }),
    ),
    { max: 3 },
  ),
  task_id: text({ maxBytes: 128 }),
}

const cardAction = every(object({ required: { type: oneOf(1, 2) }, optional: action }), targetOf({ url: 1, appid: 2 }))

const textNotice = every(
  object({
    required: { card_type: text(), card_action: cardAction },
    optional: { ...commonFields, emphasis_content: titled },
  }),
  wantsHeadline,
)

const newsFields = {
  ...commonFields,
  card_image: object({ required: { url: webUrl }, optional: { aspect_ratio: anyNumber } }),
  vertical_content_list: list(object({ required: { title: text() }, optional: { desc: anyText } }), { max: 4 }),
}

const robotNewsNotice = object({
  required: { card_type: text(), main_title: titled, card_action: cardAction, card_image: newsFields.card_image },
  optional: newsFields,
})

const appNewsNotice = every(
  object({
    required: { card_type: text(), main_title: titled, card_action: cardAction },
    optional: {
      ...newsFields,
      image_text_area: object({
        required: { image_url: webUrl },
        optional: { ...action, type: oneOf(0, 1, 2), title: anyText, desc: anyText },
      }),
    },
  }),
  wantsPicture,
)

const buttonInteraction = every(
  object({
    required: {
      card_type: text(),
      main_title: titled,
      task_id: text({ maxBytes: 128 }),
      button_list: list(
        every(
          object({
            required: { text: text() },
            optional: { style: integer(1, 4), type: oneOf(0, 1), url: webUrl, key: text({ maxBytes: 1024 }) },
          }),
          targetOf({ url: 1, key: 0 }),
        ),
        { min: 1, max: 6 },
      ),
    },
    optional: { ...commonFields, card_action: cardAction },
  }),
  wantsHeadline,
  uniqueButtonKeys,
)

/** The `template_card` of group robots: text_notice and news_notice. */
export const robotTemplateCard: Check = byCardType({ text_notice: textNotice, news_notice: robotNewsNotice })

/** The `template_card` of apps; vote and multiple-choice cards are not part of the sandbox. */
export const appTemplateCard: Check = byCardType({
  text_notice: textNotice,
  news_notice: appNewsNotice,
  button_interaction: buttonInteraction,
})

/** Longest texts that are shown whole, in characters; they differ between robots and apps. */
export const ROBOT_CARD_CHARS = { title: 26, desc: 30, subTitle: 112, jumpTitle: 13, button: 10 }
export const APP_CARD_CHARS = { title: 36, desc: 44, subTitle: 160, jumpTitle: 18, button: 10 }

/** Which texts of a card are longer than what is shown. */
export function cutCardTexts(card: Record<string, unknown>, limits: typeof ROBOT_CARD_CHARS): string[] {
  const title = asRecord(card.main_title)
  const jumps = Array.isArray(card.jump_list) ? card.jump_list : []
  const buttons = Array.isArray(card.button_list) ? card.button_list : []
  const rules: CutRule[] = [
    { path: 'template_card.main_title.title', value: title?.title, chars: limits.title },
    { path: 'template_card.main_title.desc', value: title?.desc, chars: limits.desc },
    { path: 'template_card.sub_title_text', value: card.sub_title_text, chars: limits.subTitle },
    ...jumps.map((jump, index) => ({
      path: `template_card.jump_list[${index}].title`,
      value: asRecord(jump)?.title,
      chars: limits.jumpTitle,
    })),
    ...buttons.map((button, index) => ({
      path: `template_card.button_list[${index}].text`,
      value: asRecord(button)?.text,
      chars: limits.button,
    })),
  ]
  return cutPaths(rules)
}

function byCardType(cards: Record<string, Check>): Check {
  return (value, path) => {
    const cardType = asRecord(value)?.card_type
    if (cardType === undefined) return { rule: 'missing', path: `${path}.card_type` }
    const check = typeof cardType === 'string' && Object.hasOwn(cards, cardType) ? cards[cardType] : undefined
    return check === undefined ? { rule: 'value', path: `${path}.card_type` } : check(value, path)
  }
}

/** For each field the `type` that makes it mandatory. */
function targetOf(fields: Record<string, number>): Check {
  return (value, path) => {
    const item = asRecord(value) ?? {}
    const missing = Object.keys(fields).find((name) => item.type === fields[name] && item[name] === undefined)
    return missing === undefined ? undefined : { rule: 'missing', path: `${path}.${missing}` }
  }
}

function wantsHeadline(value: unknown, path: string): Violation | undefined {
  const card = asRecord(value) ?? {}
  const isThere = (entry: unknown) => typeof entry === 'string' && entry !== ''
  if (isThere(asRecord(card.main_title)?.title) || isThere(card.sub_title_text)) return undefined
  return { rule: 'missing', path: `${path}.main_title.title` }
}

function wantsPicture(value: unknown, path: string): Violation | undefined {
  const card = asRecord(value) ?? {}
  if (card.card_image !== undefined || card.image_text_area !== undefined) return undefined
  return { rule: 'missing', path: `${path}.card_image` }
}

function uniqueButtonKeys(value: unknown, path: string): Violation | undefined {
  const buttons = asRecord(value)?.button_list
  const keys = (Array.isArray(buttons) ? buttons : []).flatMap((button) => asRecord(button)?.key ?? [])
  return new Set(keys).size === keys.length ? undefined : { rule: 'value', path: `${path}.button_list` }
}

function anyNumber(value: unknown, path: string): Violation | undefined {
  return typeof value === 'number' ? undefined : { rule: 'type', path }
}
