import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import {
  CancelResult,
  RecallResults,
  RedriveInput,
  RedriveResult,
  RetryInput,
  RetryResult,
} from '@message-center/core/contracts/message-operations.ts'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { MessageOperations, OperatorCall } from '../message-operations.ts'
import { actorOf } from './actor.ts'
import { answers } from './answers.ts'
import { REDRIVE_EXAMPLES, RETRY_EXAMPLES, withExamples } from './examples.ts'
import { MessageParams, messageIdOf } from './message-params.ts'
import { actingTenant, ownTenantOnly, TenantQuery } from './tenant.ts'

const OneTenant = Type.Object(TenantQuery, { additionalProperties: false })
const OPERATOR = { access: ['operator'] as const }

/** What operators do to messages that are there already. */
export const messageOperationRoutes: FastifyPluginAsyncTypebox<{ operations: MessageOperations }> = async (
  app,
  { operations },
) => {
  app.addHook('preValidation', ownTenantOnly)

  app.post('/api/messages/:messageId/retry', {
    config: OPERATOR,
    schema: {
      tags: ['messages'],
      summary: 'Try the failed channels of a message again',
      description:
        'All failed tasks, or those that `taskIds` names; what was cancelled is taken up again, too. A task that failed while it was being sent goes out again with its content. One that failed before (no config, no template, closed, over the limit …) goes through the pipeline again, with the configuration of now. What succeeded is not sent again. Takes effect within seconds; the message is `PROCESSING` until then.',
      params: MessageParams,
      querystring: OneTenant,
      body: withExamples(RetryInput, RETRY_EXAMPLES),
      response: answers({ 202: RetryResult }, 400, 404, 413, 415),
    },
    async handler(request, reply) {
      const result = await operations.retry(callOf(request), messageIdOf(request.params), request.body)
      return reply.code(202).send(result)
    },
  })

  app.post('/api/messages/retry', {
    config: OPERATOR,
    schema: {
      tags: ['messages'],
      summary: 'Try a filtered set of failed messages again',
      description:
        'The filters of the message list, oldest message first, at most `limit` messages a call; `nextCursor` tells that there are more. Without filters: everything that has failed. `channelType` and `errorCode` choose among the failed tasks. What was cancelled is left alone unless `errorCode` asks for it. `dryRun` only counts, and is answered with 200.',
      querystring: OneTenant,
      body: withExamples(RedriveInput, REDRIVE_EXAMPLES),
      response: answers({ 200: RedriveResult, 202: RedriveResult }, 400, 413, 415),
    },
    async handler(request, reply) {
      const result = await operations.redrive(callOf(request), request.body)
      return reply.code(result.dryRun ? 200 : 202).send(result)
    },
  })

  app.post('/api/messages/:messageId/cancel', {
    config: OPERATOR,
    schema: {
      tags: ['messages'],
      summary: 'Drop what has not been sent of a message',
      description:
        'Tasks that wait (PENDING, RETRY) become FAILED with `CANCELLED`; so does a message that waits for its `sendAt`, on each of its channels. What is being sent at this moment is not counted and may still arrive; should it fail, it is not tried again. What was sent stays sent: see recall.',
      params: MessageParams,
      querystring: OneTenant,
      response: answers({ 200: CancelResult }, 400, 404),
    },
    handler: (request) => operations.cancel(callOf(request), messageIdOf(request.params)),
  })

  app.post('/api/messages/:messageId/recall', {
    config: OPERATOR,
    schema: {
      tags: ['messages'],
      summary: 'Take back what was delivered of a message',
      description:
        'On each channel where the provider can: DingTalk work notices and WeCom app messages within 24 hours, the inbox always; never what a robot has sent. A task that was recalled stays SUCCESS, and says so. What could not be recalled has a `reason`, a fault of the provider among them: then the call may be repeated.',
      params: MessageParams,
      querystring: OneTenant,
      response: answers({ 200: RecallResults }, 400, 404),
    },
    handler: (request) => operations.recall(callOf(request), messageIdOf(request.params), request.log),
  })
}

function callOf(request: FastifyRequest): OperatorCall {
  const { tenantId } = request.query as { tenantId?: string }
  return { tenantId: actingTenant(request, tenantId), actor: actorOf(request) }
}
