/** The reader that stands for everyone of the tenant. Nobody's user id. */
export const EVERYONE = '*'

/** Whose inbox it is. */
export interface Reader {
  tenantId: string
  userId: string
}

const MAX_CHARACTERS = 128

/**
 * True for what can be a reader's user id: 1 to 128 characters, not `*`, and nothing that the database would take for
 * somebody else's: it ignores blanks at the end and writes halves of characters alike.
 */
export function isUserId(text: string): boolean {
  const length = [...text].length
  return length > 0 && length <= MAX_CHARACTERS && text !== EVERYONE && !text.endsWith(' ') && text.isWellFormed()
}
