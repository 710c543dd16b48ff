import type { Recipients, Strategy } from '../../../adapter.ts'
import { beginsWithTitle, oneLine } from '../../../markdown-title.ts'
import { notMentioned } from '../../../mention-notes.ts'
import { fitText, type Overflow } from '../../../truncate.ts'
import type { RobotMessage } from './message.ts'

/** Bytes of `markdown.content`; more is error 40058. */
const MAX_BYTES = 4096

export const markdownStrategy =
  (overflow: Overflow): Strategy<'MARKDOWN', RobotMessage> =>
  (content, recipients) =>
    markdownMessage({ ...content, footer: '' }, recipients, overflow)

/** A markdown message: title (WeCom has no field for it), text, footer, mentions. Only the text is ever cut. */
export function markdownMessage(
  parts: { title?: string; text: string; footer: string },
  recipients: Recipients,
  overflow: Overflow,
): RobotMessage {
  const { title, footer } = parts
  const head = title === undefined || beginsWithTitle(parts.text, title) ? '' : `**${oneLine(title)}**\n`
  // `<@id>` is all the mentioning that markdown has.
  const mentions = recipients.userIds.map((id) => `<@${id}>`).join(' ')
  const tail = footer + (mentions && `\n\n${mentions}`)
  const size = (text: string): number => Buffer.byteLength(head + text + tail)
  const text = fitText(parts.text, { field: 'markdown.content', maxBytes: MAX_BYTES, size }, overflow)
  return {
    payload: { msgtype: 'markdown', markdown: { content: head + text + tail } },
    notes: notMentioned('markdown', { ...recipients, userIds: [] }),
  }
}
