import { beginsWithTitle, oneLine } from '../../markdown-title.ts'

/** DingTalk shows a title only in the chat list, so the body has to bring it too. */
export function withHeading(title: string, text: string): string {
  return beginsWithTitle(text, title) ? text : `#### ${oneLine(title)}\n${text}`
}
