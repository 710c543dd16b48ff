import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AppError, invalidField } from '@message-center/core/contracts/errors.ts'
import {
  BatchSendResult,
  MAX_BATCH,
  MessageDetail,
  MessageFilters,
  MessageInput,
  MessageSummary,
  MessageTrace,
  SendResult,
} from '@message-center/core/contracts/messages.ts'
import { PageOf } from '@message-center/core/contracts/pages.ts'
import type { ReplicaReads } from '@message-center/core/database/replica-reads.ts'
import type { Acceptor } from '@message-center/core/messages/accept.ts'
import { createMessageList } from '@message-center/core/messages/list-messages.ts'
import { findMessage, findTrace } from '@message-center/core/messages/queries.ts'
import type { FastifyRequest } from 'fastify'
import type { Pool } from 'mysql2/promise'
import { Type } from 'typebox'
import { acceptBatch, acceptMessage } from '../send-message.ts'
import { answers } from './answers.ts'
import { BATCH_EXAMPLES, MESSAGE_EXAMPLES, withExamples } from './examples.ts'
import { readBatchBody, readMessageBody } from './message-body.ts'
import { MessageParams, messageIdOf } from './message-params.ts'
import { actingTenant, refuseOtherTenant, TenantQuery } from './tenant.ts'

const BODY_LIMIT = 256 * 1024
const BATCH_URL = '/api/messages/batch'
const BATCH_BODY_LIMIT = 16 * 1024 * 1024

const OneTenant = Type.Object(TenantQuery, { additionalProperties: false })

/** Sending and looking up. A body's own checks are the acceptor's, the same for REST, batch and RPC. */
export const messageRoutes: FastifyPluginAsyncTypebox<{
  acceptor: Acceptor
  pool: Pool
  /** For what may read from a replica. */
  readFreely: ReplicaReads
}> = async (app, { acceptor, pool, readFreely }) => {
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: Buffer) =>
      request.routeOptions.url === BATCH_URL ? readBatchBody(body) : readMessageBody(body),
  )
  // Bodies are the acceptor's, which knows the id of the message that it refuses.
  app.addHook('preValidation', async ({ caller, query }) => refuseOtherTenant(caller, query))
  const list = createMessageList()
  const acceptedByTheService = { validatorCompiler: () => () => true }

  app.post('/api/messages', {
    ...acceptedByTheService,
    bodyLimit: BODY_LIMIT,
    config: { access: ['sender'], sends: true },
    schema: {
      tags: ['messages'],
      summary: 'Send a message',
      description:
        'Answered as soon as the message is durable; it is sent right after. The same messageId with the same content again is answered with 200 and sent once. Under overload 429 (too much of this tenant waits) or 503 (of all), at once and with Retry-After: nothing was taken, send it again then.',
      body: withExamples(MessageInput, MESSAGE_EXAMPLES),
      response: answers({ 200: SendResult, 202: SendResult }, 400, 409, 413, 415, 429),
    },
    async handler(request, reply) {
      const { body, caller, log } = request
      const { outcome, messageId } = await request.admit(1, () => acceptMessage(acceptor, body, caller, log))
      return reply.code(outcome === 'new' ? 202 : 200).send({ success: true, messageId })
    },
  })

  app.post(BATCH_URL, {
    ...acceptedByTheService,
    bodyLimit: BATCH_BODY_LIMIT,
    config: { access: ['sender'], sends: true },
    schema: {
      tags: ['messages'],
      summary: 'Send up to 1000 messages',
      description:
        'Each message is taken or refused by itself; results come in the order of the messages. Under overload the whole batch is refused as a single message is.',
      body: withExamples(Type.Array(MessageInput, { minItems: 1, maxItems: MAX_BATCH }), BATCH_EXAMPLES),
      response: answers({ 202: BatchSendResult }, 400, 413, 415, 429),
    },
    async handler(request, reply) {
      const { body, caller, log } = request
      const accept = () => acceptBatch(acceptor, body, caller, log)
      return reply.code(202).send(await request.admit(Array.isArray(body) ? body.length : 0, accept))
    },
  })

  app.get('/api/messages/:messageId', {
    config: { access: ['sender', 'viewer'] },
    schema: {
      tags: ['messages'],
      summary: 'A message with its channel tasks',
      description:
        'What became of it on each channel: status, retries, the rendered content, and what the provider answered. `errorCode` says why it failed.',
      params: MessageParams,
      querystring: OneTenant,
      response: answers({ 200: MessageDetail }, 400, 404),
    },
    handler: (request) => found(request, (tenantId, messageId) => findMessage(pool, tenantId, messageId)),
  })

  app.get('/api/messages/:messageId/trace', {
    config: { access: ['viewer'] },
    schema: {
      tags: ['messages'],
      summary: 'How a message went, step by step and attempt by attempt',
      description:
        'The steps of the pipeline with times and outcomes, then each attempt of each channel; and where to look on: the jobs on the queue board, the trace in the tracing system.',
      params: MessageParams,
      querystring: OneTenant,
      response: answers({ 200: MessageTrace }, 400, 404),
    },
    handler: (request) => found(request, (tenantId, messageId) => findTrace(pool, tenantId, messageId)),
  })

  app.get('/api/messages', {
    config: { access: ['sender', 'viewer'] },
    schema: {
      tags: ['messages'],
      summary: 'Messages by conditions, newest first',
      description:
        'Without their tasks: `GET /api/messages/{messageId}` shows those. All conditions have to hold. Where there is another page, the header `Link: <…>; rel="next"` leads to it (RFC 8288): following it through a list of millions costs the same for each page. `total` is counted where that takes a moment (up to 100,000; 20,000 where several conditions have to be looked up in the rows); beyond that it is estimated, and `totalIsEstimate` says so.',
      querystring: Type.Object({ ...MessageFilters.properties, ...TenantQuery }, { additionalProperties: false }),
      response: answers({ 200: PageOf(MessageSummary) }, 400),
    },
    async handler(request, reply) {
      const { query } = request
      if (query.cursor !== undefined && query.page !== 1)
        throw invalidField('page', 'cannot be given beside cursor, which stands for a page')
      const tenantId = actingTenant(request, query.tenantId)
      const { result, nextCursor } = await readFreely((from) => list(from, tenantId, query))
      if (nextCursor !== null) reply.header('link', nextPageLink(request, nextCursor))
      return result
    },
  })
}

/** Where the next page is, relative to wherever the API is reached. */
function nextPageLink({ query }: FastifyRequest<{ Querystring: MessageFilters }>, cursor: string): string {
  const { page: _, ...filters } = query
  const next = new URLSearchParams({ cursor })
  for (const [name, value] of Object.entries(filters)) if (name !== 'cursor') next.set(name, String(value))
  return `</api/messages?${next}>; rel="next"`
}

/**
 * @param find looks the message up for a tenant
 * @throws AppError NOT_FOUND
 */
async function found<T>(
  request: FastifyRequest<{ Params: { messageId: string }; Querystring: { tenantId?: string } }>,
  find: (tenantId: string, messageId: string) => Promise<T | undefined>,
): Promise<T> {
  const tenantId = actingTenant(request, request.query.tenantId)
  const messageId = messageIdOf(request.params)
  const object = await find(tenantId, messageId)
  if (object === undefined) throw new AppError('NOT_FOUND', `there is no message ${messageId}`, { messageId })
  return object
}
