import type { ContentOf } from '../../../../contracts/content.ts'
import { linkLines } from '../../../link-lines.ts'
import type { Overflow } from '../../../truncate.ts'
import type { AppPayload } from '../../schema.ts'
import { markdownContent } from '../markdown-content.ts'

/** Bytes of `markdown.content`: half of what a robot may send. */
const MAX_BYTES = 2048

export function markdownStrategy(content: ContentOf['MARKDOWN'], overflow: Overflow): AppPayload {
  return markdown({ ...content, tail: '' }, overflow)
}

/** A card that exceeds what a template card shows: markdown keeps all of it. */
export function markdownWithLinks({ title, text, buttons }: ContentOf['CARD'], overflow: Overflow): AppPayload {
  return markdown({ title, text, tail: `\n\n${linkLines(buttons)}` }, overflow)
}

function markdown(parts: Parameters<typeof markdownContent>[0], overflow: Overflow): AppPayload {
  return { msgtype: 'markdown', markdown: { content: markdownContent(parts, MAX_BYTES, overflow) } }
}
