import type { Recipients, Strategy } from '../../../adapter.ts'
import { notMentioned } from '../../../mention-notes.ts'
import type { Overflow } from '../../../truncate.ts'
import { markdownContent } from '../markdown-content.ts'
import type { RobotMessage } from './message.ts'

/** Bytes of `markdown.content`; more is error 40058. */
const MAX_BYTES = 4096

export const markdownStrategy =
  (overflow: Overflow): Strategy<'MARKDOWN', RobotMessage> =>
  (content, recipients) =>
    markdownMessage({ ...content, footer: '' }, recipients, overflow)

/** A markdown message: title, text, footer, mentions. */
export function markdownMessage(
  { footer, ...parts }: { title?: string; text: string; footer: string },
  recipients: Recipients,
  overflow: Overflow,
): RobotMessage {
  // `<@id>` is all the mentioning that markdown has.
  const mentions = recipients.userIds.map((id) => `<@${id}>`).join(' ')
  const content = markdownContent({ ...parts, tail: footer + (mentions && `\n\n${mentions}`) }, MAX_BYTES, overflow)
  return {
    payload: { msgtype: 'markdown', markdown: { content } },
    notes: notMentioned('markdown', { ...recipients, userIds: [] }),
  }
}
