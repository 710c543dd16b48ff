import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AppError, invalidField } from '@message-center/core/contracts/errors.ts'
import { InboxFilters, InboxItem, InboxPage, UserQuery } from '@message-center/core/contracts/inbox.ts'
import { countUnread, listInbox } from '@message-center/core/inbox/list.ts'
import { findRow, markAllRead, markRead } from '@message-center/core/inbox/mark-read.ts'
import { EVERYONE } from '@message-center/core/inbox/readers.ts'
import type { Pool } from 'mysql2/promise'
import { Type } from 'typebox'
import { answers } from './answers.ts'
import { IdParams } from './id-params.ts'
import { hasOwnInboxOnly, INBOX_ACCESS, ownInboxOnly, readerOf } from './inbox-reader.ts'
import { actingTenant, ownTenantOnly, TenantQuery } from './tenant.ts'

const OneUser = Type.Object({ ...UserQuery, ...TenantQuery }, { additionalProperties: false })
const WHOSE =
  'A viewer (and above) has everyone’s inbox and says whose; a token with the role `inbox` has its own, that of its `sub`.'

/** The LOCAL channel's reader side: what is in an inbox, and what of it was read. */
export const inboxRoutes: FastifyPluginAsyncTypebox<{ pool: Pool }> = async (app, { pool }) => {
  app.addHook('preValidation', ownTenantOnly)
  app.addHook('preValidation', ownInboxOnly)

  app.get('/api/inbox', {
    config: { access: INBOX_ACCESS },
    schema: {
      tags: ['inbox'],
      summary: "A user's inbox, newest first",
      description: `Messages to the user and messages to everyone of the tenant. Page by page with \`cursor\`: what arrives meanwhile shifts nothing. ${WHOSE}`,
      querystring: Type.Object({ ...InboxFilters.properties, ...TenantQuery }, { additionalProperties: false }),
      response: answers({ 200: InboxPage }, 400),
    },
    handler: (request) => listInbox(pool, readerOf(request, request.query), request.query),
  })

  app.get('/api/inbox/unread-count', {
    config: { access: INBOX_ACCESS },
    schema: {
      tags: ['inbox'],
      summary: 'How many messages a user has not read',
      description: `Messages to everyone count until this user has read them. ${WHOSE}`,
      querystring: OneUser,
      response: answers({ 200: Type.Object({ count: Type.Integer() }) }, 400),
    },
    handler: async (request) => ({ count: await countUnread(pool, readerOf(request, request.query)) }),
  })

  app.put('/api/inbox/read-all', {
    config: { access: INBOX_ACCESS },
    schema: {
      tags: ['inbox'],
      summary: 'Mark everything in an inbox as read',
      description: `\`updated\` is how many were unread. What arrives during the call stays unread. ${WHOSE}`,
      querystring: OneUser,
      response: answers({ 200: Type.Object({ updated: Type.Integer() }) }, 400),
    },
    handler: async (request) => ({ updated: await markAllRead(pool, readerOf(request, request.query)) }),
  })

  app.put('/api/inbox/:id/read', {
    config: { access: INBOX_ACCESS },
    schema: {
      tags: ['inbox'],
      summary: 'Mark a message as read',
      description: `Answers the message; again changes nothing. A message to everyone is read by each user for himself, so a viewer has to say for whom (\`userId\`). ${WHOSE}`,
      params: IdParams,
      querystring: OneUser,
      response: answers({ 200: InboxItem }, 400, 404),
    },
    async handler(request) {
      const { params, query, caller } = request
      const row = await findRow(pool, actingTenant(request, query.tenantId), params.id)
      const named = query.userId ?? (hasOwnInboxOnly(caller) ? caller.subject : undefined)
      const isTheirs = row && (row.userId === EVERYONE || named === undefined || row.userId === named)
      if (!isTheirs) throw new AppError('NOT_FOUND', `there is no inbox item ${params.id}`)
      if (row.userId === EVERYONE && named === undefined)
        throw invalidField('userId', 'is required: the message is everyone’s')
      const userId = row.userId === EVERYONE ? named : row.userId
      return markRead(pool, readerOf(request, { ...query, userId }), row)
    },
  })
}
