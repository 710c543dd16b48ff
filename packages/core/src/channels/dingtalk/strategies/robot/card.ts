import type { Strategy } from '../../../adapter.ts'
import { notMentioned } from '../../../mention-notes.ts'
import { withHeading } from '../heading.ts'
import { mentionsOf, withMarkers } from './mentions.ts'
import type { RobotMessage } from './message.ts'

/** The documentation of actionCard knows mentions of user ids only, by their marker in the text; `at` belongs to every call. */
export const cardStrategy: Strategy<'CARD', RobotMessage> = (content, recipients) => {
  const { at, markers, notes } = mentionsOf({ ...recipients, mobiles: [], all: false })
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
    payload: { msgtype: 'actionCard', actionCard, ...(at && { at }) },
    notes: [...notes, ...notMentioned('a card', { ...recipients, userIds: [] })],
  }
}
