import type { Content, ContentOf, MessageType } from '../../../../contracts/content.ts'
import type { Overflow } from '../../../truncate.ts'
import type { AppPayload } from '../../schema.ts'
import { cardStrategy } from './card.ts'
import { linkStrategy } from './link.ts'
import { markdownStrategy } from './markdown.ts'
import { textStrategy } from './text.ts'

const STRATEGIES: { [Type in MessageType]: (content: ContentOf[Type], overflow: Overflow) => AppPayload } = {
  TEXT: textStrategy,
  MARKDOWN: markdownStrategy,
  LINK: linkStrategy,
  CARD: cardStrategy,
}

/**
 * The app message of a content.
 * @throws ChannelError CONTENT_TOO_LONG
 */
export function appMessage(type: MessageType, content: Content, overflow: Overflow): AppPayload {
  // The caller has matched type and content.
  const strategy = STRATEGIES[type] as (content: Content, overflow: Overflow) => AppPayload
  return strategy(content, overflow)
}
