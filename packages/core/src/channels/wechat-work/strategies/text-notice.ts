import type { ContentOf } from '../../../contracts/content.ts'
import { characters } from '../../characters.ts'
import type { TextNotice } from '../schema.ts'
import { hasMarkdown } from './has-markdown.ts'

/** Characters that a text_notice shows; the rest is cut without a word. Robots show less than apps. */
export interface NoticeLimits {
  title: number
  body: number
  buttonTitle: number
}

const MAX_BUTTONS = 3

/** A card as a text_notice, or undefined where that cannot show all of it: it is plain text, and short. */
export function textNotice(card: ContentOf['CARD'], limits: NoticeLimits): TextNotice | undefined {
  const { title, text, buttons } = card
  const [first] = buttons
  const fits =
    characters(title) <= limits.title &&
    characters(text) <= limits.body &&
    buttons.length <= MAX_BUTTONS &&
    buttons.every((button) => characters(button.title) <= limits.buttonTitle) &&
    !hasMarkdown(text)
  if (!first || !fits) return undefined
  return {
    card_type: 'text_notice',
    main_title: { title },
    sub_title_text: text,
    jump_list: buttons.map((button) => ({ type: 1, title: button.title, url: button.url })),
    card_action: { type: 1, url: first.url },
  }
}
