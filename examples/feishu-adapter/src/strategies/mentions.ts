import type { Recipients } from '@message-center/core'

/** Whom a message mentions; a bot's message always goes to its whole group. */
export interface Mentions {
  /** Open ids (`ou_…`) or user ids; `all` is everyone. */
  userIds: string[]
  /** Who could not be mentioned, for people. */
  notes: string[]
}

const EVERYONE = 'all'
/** Anything else would break out of the tag. */
const USER_ID = /^[A-Za-z0-9_-]{1,128}$/

/** `attributes.to` as Feishu can take it. Bots know nobody by a mobile number. */
export function mentionsOf({ userIds, mobiles, all }: Recipients): Mentions {
  // Among user ids, `all` would mention everyone though the message does not say `all`.
  const isUserId = (id: string) => USER_ID.test(id) && id !== EVERYONE
  const odd = userIds.filter((id) => !isUserId(id))
  const notes = [
    ...(mobiles.length > 0 ? [`${mobiles.length} mobiles (a bot mentions user ids only)`] : []),
    ...(odd.length > 0 ? [`${odd.length} of the user ids (not a user id)`] : []),
  ]
  return {
    userIds: all ? [EVERYONE] : userIds.filter(isUserId),
    notes: notes.length === 0 ? [] : [`not mentioned: ${notes.join(', ')}`],
  }
}

/** The text of a TEXT message with its mentions. */
export function withTextMentions(text: string, { userIds }: Mentions): string {
  if (userIds.length === 0) return text
  return `${text}\n${userIds.map((id) => `<at user_id="${id}"></at>`).join(' ')}`
}

/** The markdown of a card with its mentions, which are written in another way there. */
export function withCardMentions(markdown: string, { userIds }: Mentions): string {
  if (userIds.length === 0) return markdown
  return `${markdown}\n${userIds.map((id) => `<at id=${id}></at>`).join(' ')}`
}
