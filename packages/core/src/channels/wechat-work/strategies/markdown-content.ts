import { beginsWithTitle, oneLine } from '../../markdown-title.ts'
import { fitText, type Overflow } from '../../truncate.ts'

/**
 * `markdown.content`: title (WeCom has no field for it), text, and what follows it. Only the text is ever cut.
 * @throws ChannelError CONTENT_TOO_LONG
 */
export function markdownContent(
  parts: { title?: string; text: string; tail: string },
  maxBytes: number,
  overflow: Overflow,
): string {
  const { title, tail } = parts
  const head = title === undefined || beginsWithTitle(parts.text, title) ? '' : `**${oneLine(title)}**\n`
  const size = (text: string): number => Buffer.byteLength(head + text + tail)
  return head + fitText(parts.text, { field: 'markdown.content', maxBytes, size }, overflow) + tail
}
