/** What a reader's inbox row holds of a message. */
export interface InboxContent {
  title: string | null
  /** The text, or for LINK and CARD the JSON object that the reader's client draws. */
  content: string
}

/** Longest headline of an inbox row, in characters; the full one stays in the content of LINK and CARD. */
const MAX_TITLE = 255

/** A headline that fits its column, never cut inside a character. */
export function inboxTitle(title: string | undefined): string | null {
  return title === undefined ? null : [...title].slice(0, MAX_TITLE).join('')
}
