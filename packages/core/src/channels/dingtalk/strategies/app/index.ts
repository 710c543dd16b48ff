import type { Content, ContentOf, MessageType } from '../../../../contracts/content.ts'
import { fitText, type Overflow } from '../../../truncate.ts'
import type { WorkNotice } from '../../schema.ts'
import { cardStrategy } from './card.ts'
import { linkStrategy } from './link.ts'
import { markdownStrategy } from './markdown.ts'
import { textStrategy } from './text.ts'

/** UTF-8 bytes of the whole `msg` as JSON. */
const MAX_BYTES = 2048

const STRATEGIES: { [Type in MessageType]: (content: ContentOf[Type]) => WorkNotice } = {
  TEXT: textStrategy,
  MARKDOWN: markdownStrategy,
  LINK: linkStrategy,
  CARD: cardStrategy,
}

/**
 * The work notification of a content, its text cut where the whole would be too long and `overflow` allows it.
 * @throws ChannelError CONTENT_TOO_LONG
 */
export function workNotice(type: MessageType, content: Content, overflow: Overflow): WorkNotice {
  const build = (text: string): WorkNotice =>
    strategyOf(type)(typeof content === 'string' ? text : { ...content, text })
  const size = (text: string): number => Buffer.byteLength(JSON.stringify(build(text)))
  const text = typeof content === 'string' ? content : content.text
  return build(fitText(text, { field: 'the work notification', maxBytes: MAX_BYTES, size }, overflow))
}

/** The caller has matched type and content. */
function strategyOf(type: MessageType): (content: Content) => WorkNotice {
  return STRATEGIES[type] as (content: Content) => WorkNotice
}
