import type { Strategy } from '../../adapter.ts'
import type { InboxContent } from './inbox-content.ts'

/** The text as it is; an inbox shows it without a headline. */
export const textStrategy: Strategy<'TEXT', InboxContent> = (content) => ({ title: null, content })
