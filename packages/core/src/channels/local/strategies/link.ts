import type { Strategy } from '../../adapter.ts'
import { type InboxContent, inboxTitle } from './inbox-content.ts'

/** All fields of the link, as JSON. */
export const linkStrategy: Strategy<'LINK', InboxContent> = (link) => ({
  title: inboxTitle(link.title),
  content: JSON.stringify(link),
})
