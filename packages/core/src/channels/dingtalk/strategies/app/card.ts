import type { ContentOf } from '../../../../contracts/content.ts'
import { characters } from '../../../characters.ts'
import type { WorkNotice } from '../../schema.ts'
import { withHeading } from '../heading.ts'
import { markdownWithLinks } from './markdown.ts'

type Card = ContentOf['CARD']

/** Characters that an action card takes. */
const MAX_BUTTON_TITLE = 20
const MAX_SINGLE_URL = 500
const MAX_BUTTON_URL = 700
const MAX_BUTTON_LIST = 1000

/** An action card where the buttons fit into one; else markdown with a link for each. */
export function cardStrategy(content: Card): WorkNotice {
  const { title, text, buttons } = content
  const base = { title, markdown: withHeading(title, text) }
  const [first, ...others] = buttons
  if (!first || buttons.some((button) => characters(button.title) > MAX_BUTTON_TITLE)) return markdownWithLinks(content)
  if (others.length === 0) {
    if (characters(first.url) > MAX_SINGLE_URL) return markdownWithLinks(content)
    return { msgtype: 'action_card', action_card: { ...base, single_title: first.title, single_url: first.url } }
  }
  const btn_json_list = buttons.map((button) => ({ title: button.title, action_url: button.url }))
  if (buttons.some(({ url }) => characters(url) > MAX_BUTTON_URL)) return markdownWithLinks(content)
  if (characters(JSON.stringify(btn_json_list)) > MAX_BUTTON_LIST) return markdownWithLinks(content)
  const btn_orientation = content.vertical === false ? '1' : '0'
  return { msgtype: 'action_card', action_card: { ...base, btn_orientation, btn_json_list } }
}
