import type { ContentOf } from '@message-center/core'
import type { FeishuPayload } from '../schema.ts'
import { type Mentions, withCardMentions } from './mentions.ts'

/** Only cards show markdown (`lark_md`). */
export function markdownMessage({ title, text }: ContentOf['MARKDOWN'], mentions: Mentions): FeishuPayload {
  return {
    msg_type: 'interactive',
    card: {
      config: { wide_screen_mode: true },
      ...(title === undefined ? {} : { header: { title: { tag: 'plain_text', content: title } } }),
      elements: [{ tag: 'div', text: { tag: 'lark_md', content: withCardMentions(text, mentions) } }],
    },
  }
}
