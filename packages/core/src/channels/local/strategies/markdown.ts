import type { Strategy } from '../../adapter.ts'
import { type InboxContent, inboxTitle } from './inbox-content.ts'

/** The markdown source; the reader's client renders it. */
export const markdownStrategy: Strategy<'MARKDOWN', InboxContent> = ({ title, text }) => ({
  title: inboxTitle(title),
  content: text,
})
