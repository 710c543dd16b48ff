import type { ChannelAdapter, Recipients } from '@message-center/core/channels/adapter.ts'
import { ChannelError } from '@message-center/core/channels/channel-error.ts'
import { beginsWithTitle, oneLine } from '@message-center/core/channels/markdown-title.ts'
import type { Content, ContentOf, MessageType } from '@message-center/core/contracts/content.ts'

/** The types of which several make one message; a card or a link cannot hold two. */
export const MERGEABLE_TYPES = ['TEXT', 'MARKDOWN'] as const
export type MergeableType = (typeof MERGEABLE_TYPES)[number]

/** What one task adds to a message. */
export interface Part {
  /** As it is stored: the text, or the JSON of a MARKDOWN. */
  renderedContent: string
  recipients: Recipients
}

/** As many as a group message mentions (DingTalk), and well below what one call of an app takes. */
const MAX_NAMED = 50

export function isMergeable(messageType: MessageType | null): messageType is MergeableType {
  return MERGEABLE_TYPES.some((type) => type === messageType)
}

/** Several messages as one, in the order given. */
export function mergeParts(messageType: MergeableType, parts: readonly Part[]): { content: Content } & Part {
  const content =
    messageType === 'TEXT'
      ? parts.map(({ renderedContent }) => renderedContent).join('\n')
      : mergeMarkdown(parts.map(({ renderedContent }) => JSON.parse(renderedContent) as ContentOf['MARKDOWN']))
  return {
    content,
    renderedContent: typeof content === 'string' ? content : JSON.stringify(content),
    recipients: {
      userIds: [...new Set(parts.flatMap(({ recipients }) => recipients.userIds))],
      mobiles: [...new Set(parts.flatMap(({ recipients }) => recipients.mobiles))],
      all: parts.some(({ recipients }) => recipients.all),
    },
  }
}

/** Each keeps its title as a heading; the first one's stands for all in a list of chats. */
function mergeMarkdown(contents: readonly ContentOf['MARKDOWN'][]): ContentOf['MARKDOWN'] {
  const [first] = contents
  const text = contents.map(withOwnHeading).join('\n\n')
  return first?.title === undefined ? { text } : { title: first.title, text }
}

function withOwnHeading({ title, text }: ContentOf['MARKDOWN']): string {
  return title === undefined || beginsWithTitle(text, title) ? text : `#### ${oneLine(title)}\n${text}`
}

/**
 * Whether messages of these recipients may be one. Where recipients are only mentioned, the message shows to the same
 * group anyway; where it goes to them, nobody may see what was for others.
 */
export function goTogether(isAddressed: boolean, recipients: readonly Recipients[]): boolean {
  const named = new Set(recipients.flatMap(({ userIds, mobiles }) => [...userIds, ...mobiles]))
  if (named.size > MAX_NAMED) return false
  return !isAddressed || new Set(recipients.map(comparable)).size <= 1
}

function comparable({ userIds, mobiles, all }: Recipients): string {
  return JSON.stringify([userIds.toSorted(), mobiles.toSorted(), all])
}

/** Whether the channel can tell how much it takes, and may be given messages for several tasks. */
export function takesMerged(adapter: ChannelAdapter, settings: Record<string, unknown>): boolean {
  if (adapter.payloads) return true
  // An inbox keeps an item per task, for people; only a group message can do without a look at the payload.
  return adapter.maxBytes !== undefined && !adapter.requiresRecipients?.(settings)
}

/** Whether the channel takes this content as one message, uncut. */
export function fits(
  adapter: ChannelAdapter,
  settings: Record<string, unknown>,
  messageType: MergeableType,
  { content, renderedContent, recipients }: ReturnType<typeof mergeParts>,
): boolean {
  if (Buffer.byteLength(renderedContent) > (adapter.maxBytes ?? Number.POSITIVE_INFINITY)) return false
  if (!adapter.payloads) return true
  try {
    const payloads = adapter.payloads(messageType, content, recipients)
    const { mode } = settings
    return mode === 'robot' || mode === 'app' ? payloads[mode] !== undefined : Object.keys(payloads).length > 0
  } catch (error) {
    if (error instanceof ChannelError && error.code === 'CONTENT_TOO_LONG') return false
    throw error
  }
}
