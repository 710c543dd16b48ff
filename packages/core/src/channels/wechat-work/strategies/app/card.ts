import type { ContentOf } from '../../../../contracts/content.ts'
import { characters } from '../../../characters.ts'
import type { Overflow } from '../../../truncate.ts'
import type { AppPayload } from '../../schema.ts'
import { fitsArticle } from '../article.ts'
import { hasMarkdown } from '../has-markdown.ts'
import { textNotice } from '../text-notice.ts'
import { markdownWithLinks } from './markdown.ts'

const LIMITS = { title: 36, body: 160, buttonTitle: 18 }
/** Characters of a textcard's one button. */
const MAX_TEXTCARD_BUTTON = 4

/** A textcard or template card where it can show everything; else markdown, which keeps all text, formatting and buttons. */
export function cardStrategy(content: ContentOf['CARD'], overflow: Overflow): AppPayload {
  const { title, text, buttons } = content
  const [first, ...others] = buttons
  const label = first && others.length === 0 ? characters(first.title) : Number.POSITIVE_INFINITY
  if (first && label <= MAX_TEXTCARD_BUTTON && fitsArticle(content) && !hasMarkdown(text)) {
    return { msgtype: 'textcard', textcard: { title, description: text, url: first.url, btntxt: first.title } }
  }
  const card = textNotice(content, LIMITS)
  return card ? { msgtype: 'template_card', template_card: card } : markdownWithLinks(content, overflow)
}
