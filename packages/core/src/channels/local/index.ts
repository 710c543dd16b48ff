import type { Pool, ResultSetHeader } from 'mysql2/promise'
import type { Content, ContentOf, MessageType } from '../../contracts/content.ts'
import type { ChannelAdapter, Recipients } from '../adapter.ts'
import { ChannelError } from '../channel-error.ts'
import { LocalConfig } from './schema.ts'
import { cardStrategy } from './strategies/card.ts'
import type { InboxContent } from './strategies/inbox-content.ts'
import { linkStrategy } from './strategies/link.ts'
import { markdownStrategy } from './strategies/markdown.ts'
import { textStrategy } from './strategies/text.ts'

/** The reader that stands for everyone of the tenant. */
const EVERYONE = '*'

/** `content` is a TEXT column. */
const MAX_BYTES = 65_535

/** The in-app inbox: a row per reader. Needs the database, not the network. */
export function createLocalAdapter({ pool }: { pool: Pool }): ChannelAdapter {
  return {
    type: 'LOCAL',
    displayName: '站内信 (in-app inbox)',
    configSchema: LocalConfig,
    secretFields: [],
    messageTypes: ['TEXT', 'MARKDOWN', 'LINK', 'CARD'],
    rateLimit: { count: 1_000_000, window: 1, unit: 'SECOND' },
    maxBytes: MAX_BYTES,
    requiresRecipients: () => true,
    resolveRecipients(config, given, render) {
      if (given.all || given.userIds.length > 0) return given
      const { recipients = [] } = config as LocalConfig
      return { ...given, userIds: [...new Set(recipients.map(render))] }
    },
    async send({ messageType, content, recipients, task }) {
      const readers = readersOf(recipients)
      if (readers.length === 0)
        throw new ChannelError('PERMANENT', { code: 'NO_RECIPIENT', message: 'the inbox needs user ids' })
      const row = inboxContent(messageType, content)
      const rows = readers.map((userId) => [
        task.tenantId,
        userId,
        task.messageId,
        task.taskId,
        messageType,
        row.title,
        row.content,
      ])
      const [result] = await pool.query<ResultSetHeader>(
        // IGNORE: a second delivery of the same task finds its rows there.
        `INSERT IGNORE INTO msg_inbox (tenant_id, user_id, message_id, task_id, message_type, title, content) VALUES ?`,
        [rows],
      )
      return { response: { readers: readers.length, written: result.affectedRows } }
    },
    async recall({ task }) {
      const [result] = await pool.query<ResultSetHeader>('DELETE FROM msg_inbox WHERE task_id = ? AND tenant_id = ?', [
        task.taskId,
        task.tenantId,
      ])
      return result.affectedRows > 0 ? { recalled: true } : { recalled: false, reason: 'no inbox holds it any more' }
    },
  }
}

function readersOf({ userIds, all }: Recipients): string[] {
  return all ? [EVERYONE] : userIds
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
