import type { Strategy } from '../../../adapter.ts'
import { linkLines } from '../../../link-lines.ts'
import { notMentioned } from '../../../mention-notes.ts'
import type { Overflow } from '../../../truncate.ts'
import { textNotice } from '../text-notice.ts'
import { markdownMessage } from './markdown.ts'
import type { RobotMessage } from './message.ts'

const LIMITS = { title: 26, body: 112, buttonTitle: 13 }

/** A template card where it can show everything; else markdown, which keeps all text, formatting and buttons. */
export const cardStrategy =
  (overflow: Overflow): Strategy<'CARD', RobotMessage> =>
  (content, recipients) => {
    const card = textNotice(content, LIMITS)
    if (!card) {
      return markdownMessage({ ...content, footer: `\n\n${linkLines(content.buttons)}` }, recipients, overflow)
    }
    return {
      payload: { msgtype: 'template_card', template_card: card },
      notes: notMentioned('a template card', recipients),
    }
  }
