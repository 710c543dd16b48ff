import type { Strategy } from '../../../adapter.ts'
import { notMentioned } from '../../../mention-notes.ts'
import type { RobotMessage } from './message.ts'

export const linkStrategy: Strategy<'LINK', RobotMessage> = (content, recipients) => {
  const base = { title: content.title, text: content.text, messageUrl: content.url }
  return {
    payload: { msgtype: 'link', link: content.picUrl === undefined ? base : { ...base, picUrl: content.picUrl } },
    notes: notMentioned('a link', recipients),
  }
}
