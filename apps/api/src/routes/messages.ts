import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Caller } from '@message-center/core/contracts/caller.ts'
import { AppError, ERROR_STATUS } from '@message-center/core/contracts/errors.ts'
import {
  BatchSendResult,
  MAX_BATCH,
  MessageDetail,
  MessageFilters,
  MessageInput,
  MessageSummary,
  MessageTrace,
  SendResult,
  type SendResult as SendResultType,
} from '@message-center/core/contracts/messages.ts'
import { PageOf } from '@message-center/core/contracts/pages.ts'
import type { Acceptor } from '@message-center/core/messages/accept.ts'
import { findMessage, findTrace, listMessages } from '@message-center/core/messages/queries.ts'
import { parseLossless } from '@message-center/core/templates/lossless-json.ts'
import type { FastifyRequest } from 'fastify'
import type { Pool } from 'mysql2/promise'
import { Type } from 'typebox'
import { answers } from './answers.ts'
import { actingTenant, TenantQuery } from './tenant.ts'

const BODY_LIMIT = 256 * 1024
const BATCH_BODY_LIMIT = 16 * 1024 * 1024

const MessageParams = Type.Object({ messageId: Type.String({ minLength: 1, maxLength: 64 }) })
const OneTenant = Type.Object(TenantQuery, { additionalProperties: false })

/** Sending and looking up. A body's own checks are the acceptor's, the same for REST, batch and RPC. */
export const messageRoutes: FastifyPluginAsyncTypebox<{ acceptor: Acceptor; pool: Pool; replica: Pool }> = async (
  app,
  { acceptor, pool, replica },
) => {
  // Numbers keep the digits they were sent with; JSON.parse would round a 19-digit order number.
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, parseLossless(String(body)))
    } catch (error) {
      done(new AppError('VALIDATION_FAILED', `the body is not JSON: ${error instanceof Error ? error.message : error}`))
    }
  })
  const acceptedByTheService = { validatorCompiler: () => () => true }

  app.post('/api/messages', {
    ...acceptedByTheService,
    bodyLimit: BODY_LIMIT,
    config: { access: ['sender'] },
    schema: {
      tags: ['messages'],
      summary: 'Send a message',
      description:
        'Answered as soon as the message is durable; it is sent right after. The same messageId with the same content again is answered with 200 and sent once.',
      body: MessageInput,
      response: answers({ 200: SendResult, 202: SendResult }, 400, 409, 413, 415, 429),
    },
    async handler(request, reply) {
      const { outcome, messageId } = await acceptor.accept(request.body, request.caller)
      return reply.code(outcome === 'new' ? 202 : 200).send({ success: true, messageId })
    },
  })

  app.post('/api/messages/batch', {
    ...acceptedByTheService,
    bodyLimit: BATCH_BODY_LIMIT,
    config: { access: ['sender'] },
    schema: {
      tags: ['messages'],
      summary: 'Send up to 1000 messages',
      description: 'Each message is taken or refused by itself; results come in the order of the messages.',
      body: Type.Array(MessageInput, { minItems: 1, maxItems: MAX_BATCH }),
      response: answers({ 202: BatchSendResult }, 400, 413, 415, 429),
    },
    async handler(request, reply) {
      const bodies: unknown = request.body
      if (!Array.isArray(bodies) || bodies.length < 1 || bodies.length > MAX_BATCH) {
        throw new AppError('VALIDATION_FAILED', `the body must be an array of 1 to ${MAX_BATCH} messages`)
      }
      const results = await Promise.all(bodies.map((body) => acceptOne(acceptor, body, request.caller, request)))
      const successCount = results.filter(({ success }) => success).length
      return reply
        .code(202)
        .send({ totalCount: results.length, successCount, failedCount: results.length - successCount, results })
    },
  })

  app.get('/api/messages/:messageId', {
    config: { access: ['sender', 'viewer'] },
    schema: {
      tags: ['messages'],
      summary: 'A message with its channel tasks',
      params: MessageParams,
      querystring: OneTenant,
      response: answers({ 200: MessageDetail }, 404),
    },
    handler: (request) =>
      found(findMessage(pool, actingTenant(request, request.query.tenantId), request.params.messageId), request),
  })

  app.get('/api/messages/:messageId/trace', {
    config: { access: ['viewer'] },
    schema: {
      tags: ['messages'],
      summary: 'How a message went, step by step and attempt by attempt',
      params: MessageParams,
      querystring: OneTenant,
      response: answers({ 200: MessageTrace }, 404),
    },
    handler: (request) =>
      found(findTrace(pool, actingTenant(request, request.query.tenantId), request.params.messageId), request),
  })

  app.get('/api/messages', {
    config: { access: ['sender', 'viewer'] },
    schema: {
      tags: ['messages'],
      summary: 'Messages by conditions, newest first',
      querystring: Type.Object({ ...MessageFilters.properties, ...TenantQuery }, { additionalProperties: false }),
      response: answers({ 200: PageOf(MessageSummary) }, 400),
    },
    handler: (request) => listMessages(replica, actingTenant(request, request.query.tenantId), request.query),
  })
}

/** An entry of a batch fails alone, with the same code and text as a single message would. */
async function acceptOne(
  acceptor: Acceptor,
  body: unknown,
  caller: Caller,
  request: FastifyRequest,
): Promise<SendResultType> {
  try {
    const { messageId } = await acceptor.accept(body, caller)
    return { success: true, messageId }
  } catch (error) {
    if (error instanceof AppError) {
      return { success: false, messageId: error.messageId, errorCode: error.code, errorMessage: error.message }
    }
    request.log.error({ err: error }, 'a message of a batch failed')
    return {
      success: false,
      errorCode: 'INTERNAL',
      errorMessage: `something went wrong on our side (${ERROR_STATUS.INTERNAL})`,
    }
  }
}

async function found<T>(
  looking: Promise<T | undefined>,
  request: FastifyRequest<{ Params: { messageId: string } }>,
): Promise<T> {
  const { messageId } = request.params
  const object = await looking
  if (object === undefined) throw new AppError('NOT_FOUND', `there is no message ${messageId}`, { messageId })
  return object
}
