import type { Strategy } from '../../../adapter.ts'
import { titleFromText } from '../../../markdown-title.ts'
import { withHeading } from '../heading.ts'
import { mentionsOf, withMarkers } from './mentions.ts'
import type { RobotMessage } from './message.ts'

/** DingTalk wants a title; this one stands in the chat list where neither title nor text gives one. */
const FALLBACK_TITLE = '消息'

export const markdownStrategy: Strategy<'MARKDOWN', RobotMessage> = (content, recipients) => {
  const { at, markers, notes } = mentionsOf(recipients)
  const body = content.title === undefined ? content.text : withHeading(content.title, content.text)
  const title = content.title ?? (titleFromText(content.text) || FALLBACK_TITLE)
  const payload = { msgtype: 'markdown' as const, markdown: { title, text: withMarkers(body, markers, '\n\n') } }
  return { payload: at ? { ...payload, at } : payload, notes }
}
