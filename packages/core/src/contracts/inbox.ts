import { type Static, Type } from 'typebox'
import { MessageType } from './content.ts'
import { IdInput, IdOutput, IdText } from './ids.ts'

/** What a reader sees of a message of the LOCAL channel. */
export const InboxItem = Type.Object(
  {
    id: IdOutput,
    messageId: Type.String(),
    userId: Type.String({ description: 'Whose inbox it is in; also for a message to everyone' }),
    messageType: MessageType,
    title: Type.Optional(Type.String({ description: 'Headline; TEXT has none' })),
    content: Type.String({
      description:
        'TEXT: the text. MARKDOWN: its source. LINK: JSON `{"title","text","url","picUrl?"}`. CARD: JSON `{"title","text","buttons":[{"title","url"}],"vertical?"}`',
    }),
    read: Type.Boolean(),
    createTime: Type.String({ format: 'date-time' }),
  },
  { title: 'InboxItem' },
)
export type InboxItem = Static<typeof InboxItem>

export const InboxPage = Type.Object(
  {
    items: Type.Array(InboxItem),
    nextCursor: Type.Union([Type.String(), Type.Null()], { description: 'For the next page; null on the last' }),
    unreadCount: Type.Integer({ description: 'Of the whole inbox, whatever the page shows' }),
  },
  { title: 'InboxPage' },
)
export type InboxPage = Static<typeof InboxPage>

const USER_ID = {
  minLength: 1,
  maxLength: 128,
  description: 'Whose inbox. A token with the role `inbox` has only its own (its `sub`) and may leave it out',
  examples: ['zhangsan'],
}

export const UserQuery = { userId: Type.Optional(Type.String(USER_ID)) }

/** Query of GET /api/inbox. */
export const InboxFilters = Type.Object(
  {
    ...UserQuery,
    unread: Type.Optional(
      Type.Union([Type.Boolean(), Type.Integer({ minimum: 0, maximum: 1 })], {
        description: 'true: only what has not been read',
      }),
    ),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 20, description: 'Items a page' })),
    cursor: Type.Optional(Type.String({ ...IdText, description: '`nextCursor` of the page before' })),
  },
  { additionalProperties: false },
)
export type InboxFilters = Static<typeof InboxFilters>

/** Body of POST /api/inbox/ticket. */
export const TicketInput = Type.Object(
  { tenantId: Type.Optional(IdInput), ...UserQuery },
  { additionalProperties: false, title: 'TicketInput' },
)
export type TicketInput = Static<typeof TicketInput>
