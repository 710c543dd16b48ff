import type { Strategy } from '../../../adapter.ts'
import { mentionsOf, withMarkers } from './mentions.ts'
import type { RobotMessage } from './message.ts'

export const textStrategy: Strategy<'TEXT', RobotMessage> = (content, recipients) => {
  const { at, markers, notes } = mentionsOf(recipients)
  const payload = { msgtype: 'text' as const, text: { content: withMarkers(content, markers, '\n') } }
  return { payload: at ? { ...payload, at } : payload, notes }
}
