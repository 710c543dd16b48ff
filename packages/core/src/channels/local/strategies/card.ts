import type { Strategy } from '../../adapter.ts'
import { type InboxContent, inboxTitle } from './inbox-content.ts'

/** All fields of the card, buttons included, as JSON. */
export const cardStrategy: Strategy<'CARD', InboxContent> = (card) => ({
  title: inboxTitle(card.title),
  content: JSON.stringify(card),
})
