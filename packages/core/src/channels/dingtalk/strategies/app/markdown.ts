import type { ContentOf } from '../../../../contracts/content.ts'
import { linkLines } from '../../../link-lines.ts'
import { titleFromText } from '../../../markdown-title.ts'
import type { WorkNotice } from '../../schema.ts'
import { withHeading } from '../heading.ts'

/** DingTalk wants a title; this one stands in the chat list where neither title nor text gives one. */
const FALLBACK_TITLE = '消息'

export function markdownStrategy({ title, text }: ContentOf['MARKDOWN']): WorkNotice {
  const shown = title ?? (titleFromText(text) || FALLBACK_TITLE)
  return {
    msgtype: 'markdown',
    markdown: { title: shown, text: title === undefined ? text : withHeading(title, text) },
  }
}

/** A card or link that exceeds what an action card takes: markdown keeps all of it. */
export function markdownWithLinks(content: ContentOf['CARD']): WorkNotice {
  const { title, text, buttons } = content
  return {
    msgtype: 'markdown',
    markdown: { title, text: `${withHeading(title, text)}\n\n${linkLines(buttons).replaceAll('\n', '\n\n')}` },
  }
}
