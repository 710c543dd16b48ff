import type { Strategy } from '../../../adapter.ts'
import { notMentioned } from '../../../mention-notes.ts'
import { withHeading } from './heading.ts'
import { mentionsOf, withMarkers } from './mentions.ts'
import type { RobotMessage } from './message.ts'

/** An actionCard has no `at`; user ids are mentioned by their marker in the text alone, phones and everyone not at all. */
export const cardStrategy: Strategy<'CARD', RobotMessage> = (content, recipients) => {
  const { markers, notes } = mentionsOf({ ...recipients, mobiles: [], all: false })
  const text = withMarkers(withHeading(content.title, content.text), markers, '\n\n')
  const base = { title: content.title, text }
  const [first, ...others] = content.buttons
  const actionCard =
    first && others.length === 0
      ? { ...base, singleTitle: first.title, singleURL: first.url }
      : {
          ...base,
          btnOrientation: content.vertical === false ? ('1' as const) : ('0' as const),
          btns: content.buttons.map(({ title, url }) => ({ title, actionURL: url })),
        }
  return {
    payload: { msgtype: 'actionCard', actionCard },
    notes: [...notes, ...notMentioned('a card', { ...recipients, userIds: [] })],
  }
}
