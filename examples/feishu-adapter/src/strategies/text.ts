import type { FeishuPayload } from '../schema.ts'
import { type Mentions, withTextMentions } from './mentions.ts'

export function textMessage(text: string, mentions: Mentions): FeishuPayload {
  return { msg_type: 'text', content: { text: withTextMentions(text, mentions) } }
}
