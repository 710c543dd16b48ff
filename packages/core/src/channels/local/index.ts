import type { Pool } from 'mysql2/promise'
import type { Content, ContentOf, MessageType } from '../../contracts/content.ts'
import { createInboxWriter, removeDelivery } from '../../inbox/deliveries.ts'
import { EVERYONE, isUserId } from '../../inbox/readers.ts'
import { parseTemplate } from '../../templates/parse.ts'
import { TemplateError } from '../../templates/template-error.ts'
import type { ChannelAdapter, Recipients } from '../adapter.ts'
import { ChannelError } from '../channel-error.ts'
import { addNotReached, describeNotReached } from '../not-reached.ts'
import { LocalConfig } from './schema.ts'
import { cardStrategy } from './strategies/card.ts'
import type { InboxContent } from './strategies/inbox-content.ts'
import { linkStrategy } from './strategies/link.ts'
import { markdownStrategy } from './strategies/markdown.ts'
import { textStrategy } from './strategies/text.ts'

/** `content` is a TEXT column. */
const MAX_BYTES = 65_535

export interface LocalDependencies {
  pool: Pool
  /** Told after each commit which tenants' inboxes have something new. */
  onDelivered?(tenantIds: string[]): void
}

/** The in-app inbox: a row per reader. Needs the database, not the network. */
export function createLocalAdapter({ pool, onDelivered = () => {} }: LocalDependencies): ChannelAdapter {
  const inbox = createInboxWriter(pool, onDelivered)
  return {
    type: 'LOCAL',
    displayName: '站内信 (in-app inbox)',
    configSchema: LocalConfig,
    secretFields: [],
    messageTypes: ['TEXT', 'MARKDOWN', 'LINK', 'CARD'],
    rateLimit: { count: 1_000_000, window: 1, unit: 'SECOND' },
    maxBytes: MAX_BYTES,
    checkConfig: (config) => recipientFaults(config as LocalConfig),
    requiresRecipients: () => true,
    resolveRecipients(config, given, render) {
      if (given.all || given.userIds.length > 0) return given
      const { recipients = [] } = config as LocalConfig
      // What the message has no one for is left out.
      return { ...given, userIds: [...new Set(recipients.map(render))].filter((userId) => userId !== '') }
    },
    async send({ messageType, content, recipients, task }, { signal }) {
      const readers = readersOf(recipients)
      const detail = notReached(recipients)
      if (readers.length === 0)
        throw new ChannelError('PERMANENT', { code: 'NO_RECIPIENT', message: detail || 'the inbox needs user ids' })
      await inbox.deliver({ ...task, readers, messageType, ...inboxContent(messageType, content), signal })
      return { response: { readers: readers.length }, ...(detail ? { detail } : {}) }
    },
    async recall({ task }) {
      if (await removeDelivery(pool, task)) return { recalled: true }
      return { recalled: false, reason: 'no inbox holds it any more' }
    },
  }
}

/** A template of a recipient that does not parse would fail every message. */
function recipientFaults({ recipients = [] }: LocalConfig): { path: string; message: string }[] {
  return recipients.flatMap((recipient, index) => {
    try {
      parseTemplate('TEXT', recipient)
      return []
    } catch (error) {
      if (error instanceof TemplateError) return [{ path: `recipients.${index}`, message: error.message }]
      throw error
    }
  })
}

/** Data of a message must not be able to name everyone: only `all` does. */
function readersOf({ userIds, all }: Recipients): string[] {
  return all ? [EVERYONE] : userIds.filter(isUserId)
}

/** Whom the inbox cannot reach, for people; '' where there is nobody. */
function notReached({ userIds, mobiles, all }: Recipients): string {
  if (all) return ''
  const wrong = userIds.filter((userId) => !isUserId(userId))
  const tally = addNotReached({}, 'not a user id', wrong)
  return describeNotReached(addNotReached(tally, 'the inbox knows user ids only', mobiles))
}

const STRATEGIES: { [Type in MessageType]: (content: ContentOf[Type], recipients: Recipients) => InboxContent } = {
  TEXT: textStrategy,
  MARKDOWN: markdownStrategy,
  LINK: linkStrategy,
  CARD: cardStrategy,
}

function inboxContent<Type extends MessageType>(messageType: Type, content: Content): InboxContent {
  const strategy: (content: ContentOf[Type], recipients: Recipients) => InboxContent = STRATEGIES[messageType]
  return strategy(content as ContentOf[Type], { userIds: [], mobiles: [], all: false })
}
