import type { ContentOf } from '../../../../contracts/content.ts'
import type { Strategy } from '../../../adapter.ts'
import { notMentioned } from '../../../mention-notes.ts'
import type { Overflow } from '../../../truncate.ts'
import { hasMarkdown } from './has-markdown.ts'
import { markdownMessage } from './markdown.ts'
import type { RobotMessage } from './message.ts'

type Card = ContentOf['CARD']

/** Characters that a robot's text_notice shows, and buttons that it takes. */
const MAX_TITLE = 26
const MAX_BODY = 112
const MAX_BUTTON_TITLE = 13
const MAX_BUTTONS = 3

/** A template card where it can show everything; else markdown, which keeps all text, formatting and buttons. */
export const cardStrategy =
  (overflow: Overflow): Strategy<'CARD', RobotMessage> =>
  (content, recipients) => {
    const [first] = content.buttons
    if (first === undefined || !fitsTextNotice(content)) {
      return markdownMessage({ ...content, footer: `\n\n${linkLines(content)}` }, recipients, overflow)
    }
    return {
      payload: {
        msgtype: 'template_card',
        template_card: {
          card_type: 'text_notice',
          main_title: { title: content.title },
          sub_title_text: content.text,
          jump_list: content.buttons.map(({ title, url }) => ({ type: 1, title, url })),
          card_action: { type: 1, url: first.url },
        },
      },
      notes: notMentioned('a template card', recipients),
    }
  }

function fitsTextNotice({ title, text, buttons }: Card): boolean {
  return (
    characters(title) <= MAX_TITLE &&
    characters(text) <= MAX_BODY &&
    buttons.length <= MAX_BUTTONS &&
    buttons.every((button) => characters(button.title) <= MAX_BUTTON_TITLE) &&
    !hasMarkdown(text)
  )
}

/** Brackets would end a link early: in titles they become full-width ones, in URLs they are percent-encoded. */
function linkLines({ buttons }: Card): string {
  return buttons
    .map(({ title, url }) => {
      const label = title.replaceAll('[', '［').replaceAll(']', '］')
      const target = url.replaceAll('(', '%28').replaceAll(')', '%29').replaceAll(' ', '%20')
      return `[${label}](${target})`
    })
    .join('\n')
}

function characters(text: string): number {
  return [...text].length
}
