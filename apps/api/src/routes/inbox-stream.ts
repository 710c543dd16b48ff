import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AppError } from '@message-center/core/contracts/errors.ts'
import { IdText } from '@message-center/core/contracts/ids.ts'
import { TicketInput, UserQuery } from '@message-center/core/contracts/inbox.ts'
import type { Tickets } from '@message-center/core/inbox/tickets.ts'
import type { FastifyRequest } from 'fastify'
import type { Pool } from 'mysql2/promise'
import { Type } from 'typebox'
import { beginEventStream } from '../inbox/event-stream.ts'
import type { InboxFeed } from '../inbox/feed.ts'
import { followInbox } from '../inbox/follow-inbox.ts'
import type { OpenStreams } from '../inbox/open-streams.ts'
import { expiryOf, type Pass } from '../plugins/auth.ts'
import { answers } from './answers.ts'
import { TICKET_EXAMPLES, withExamples } from './examples.ts'
import { INBOX_ACCESS, ownInboxOnly, readerOf } from './inbox-reader.ts'
import { ownTenantOnly, TenantQuery } from './tenant.ts'

const BODY_LIMIT = 4 * 1024
const EventId = {
  ...IdText,
  description: '`id` of the last event that the listener has; what came since is sent first',
}

export interface InboxStreamDependencies {
  pool: Pool
  feed: InboxFeed
  streams: OpenStreams
  tickets: Tickets
}

/** New messages of an inbox as they arrive, and the tickets by which browsers ask for them. */
export const inboxStreamRoutes: FastifyPluginAsyncTypebox<InboxStreamDependencies> = async (app, deps) => {
  const { streams, tickets } = deps
  app.addHook('preValidation', ownTenantOnly)
  app.addHook('preValidation', ownInboxOnly)

  app.post('/api/inbox/ticket', {
    bodyLimit: BODY_LIMIT,
    config: { access: INBOX_ACCESS },
    schema: {
      tags: ['inbox'],
      summary: 'A ticket by which a browser opens the stream of one user',
      description:
        'Opens `GET /api/inbox/stream?ticket=…` for 60 seconds, for this user of this tenant and nothing else; the stream itself lasts as long as the token by which the ticket was asked for.',
      body: withExamples(TicketInput, TICKET_EXAMPLES),
      response: answers({ 200: Type.Object({ ticket: Type.String() }) }, 400, 413, 415),
    },
    handler: async (request) => ({
      ticket: await tickets.issue({ reader: readerOf(request, request.body), claims: request.claims }),
    }),
  })

  app.get('/api/inbox/stream', {
    // Nobody waits for the end of a HEAD.
    exposeHeadRoute: false,
    config: { access: INBOX_ACCESS, pass: (request) => passByTicket(request, tickets) },
    schema: {
      tags: ['inbox'],
      summary: "A user's new messages as they arrive (server-sent events)",
      description:
        'Each event has the `id` of the message, the type `message`, and the message as JSON in `data`. It begins with what is new from now on, or, with `Last-Event-ID` (a header, or `lastEventId` in the query for a new EventSource), with what came since; every message comes once and in order, also after a reconnect to another process. ' +
        'Instead of a bearer token a `ticket` does. The stream ends with the token; a comment every 15 s keeps it alive. docs/inbox.md shows a page that uses it.',
      security: [{ bearer: [] }, { ticket: [] }],
      headers: Type.Object({ 'last-event-id': Type.Optional(Type.String(EventId)) }),
      querystring: Type.Object(
        {
          ...UserQuery,
          ...TenantQuery,
          ticket: Type.Optional(Type.String({ description: 'From `POST /api/inbox/ticket`; says whose inbox' })),
          lastEventId: Type.Optional(Type.String(EventId)),
        },
        { additionalProperties: false },
      ),
      response: {
        ...answers({}, 400),
        200: { description: 'Events', content: { 'text/event-stream': { schema: Type.String() } } },
      },
    },
    async handler(request, reply) {
      // A reconnecting EventSource has the newer one in the header; its URL stays as it was.
      const resumeAfter = request.headers['last-event-id'] ?? request.query.lastEventId
      const reader = readerOf(request, request.query)
      const givePlaceBack = streams.takePlace(reader)
      let begun = false
      try {
        await followInbox(
          { ...deps, reader, resumeAfter: resumeAfter === undefined ? undefined : BigInt(resumeAfter) },
          (from) => {
            begun = true
            const stream = beginEventStream(reply, from)
            stream.closed.addEventListener('abort', givePlaceBack)
            if (stream.closed.aborted) givePlaceBack()
            streams.tend(stream, expiryOf(request.claims), () => isStillAllowed(request))
            return stream
          },
        )
      } catch (error) {
        if (!begun) {
          givePlaceBack()
          throw error
        }
        request.log.warn({ err: error }, 'an inbox stream could not catch up; its listener comes again')
      }
    },
  })

  /** What a token's holder may no longer do ends his streams; that it cannot be found out does not. */
  async function isStillAllowed({ claims }: FastifyRequest): Promise<boolean> {
    try {
      await app.authorize(claims, INBOX_ACCESS)
      return true
    } catch (error) {
      return !(error instanceof AppError && (error.code === 'UNAUTHORIZED' || error.code === 'FORBIDDEN'))
    }
  }
}

/** Whoever shows a ticket is its reader, whatever else his token may. */
function passByTicket({ query }: FastifyRequest, tickets: Tickets): Promise<Pass> | undefined {
  const { ticket } = Object(query)
  if (ticket === undefined) return undefined
  return tickets.redeem(ticket).then(({ reader, claims }) => ({
    claims,
    caller: { subject: reader.userId, tenantId: reader.tenantId, roles: ['inbox'] },
  }))
}
