import type { ContentOf } from '@message-center/core'
import type { CardButton, CardElement, FeishuPayload } from '../schema.ts'
import { type Mentions, withCardMentions } from './mentions.ts'

/** An interactive card; its buttons in one row, or each in a row of its own. */
export function cardMessage({ title, text, buttons, vertical }: ContentOf['CARD'], mentions: Mentions): FeishuPayload {
  const all = buttons.map(
    (button): CardButton => ({
      tag: 'button',
      text: { tag: 'plain_text', content: button.title },
      url: button.url,
      type: 'default',
    }),
  )
  const rows = vertical ? all.map((button) => [button]) : [all]
  return {
    msg_type: 'interactive',
    card: {
      config: { wide_screen_mode: true },
      header: { title: { tag: 'plain_text', content: title } },
      elements: [
        { tag: 'div', text: { tag: 'lark_md', content: withCardMentions(text, mentions) } },
        ...rows.map((actions): CardElement => ({ tag: 'action', actions })),
      ],
    },
  }
}
