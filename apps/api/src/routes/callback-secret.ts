import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { CallbackSecretStore } from '@message-center/core/callbacks/callback-secret-store.ts'
import { CallbackSecret, CallbackSecretInput, NewCallbackSecret } from '@message-center/core/contracts/callbacks.ts'
import { Type } from 'typebox'
import { actorOf } from './actor.ts'
import { answers } from './answers.ts'
import { CALLBACK_SECRET_EXAMPLES, withExamples } from './examples.ts'
import { actingTenant, ownTenantOnly, TenantQuery } from './tenant.ts'

const URL = '/api/callback-secret'
const OneTenant = Type.Object(TenantQuery, { additionalProperties: false })
const BODY_LIMIT = 16 * 1024

/** What a tenant's callbacks are signed with. */
export const callbackSecretRoutes: FastifyPluginAsyncTypebox<{ store: CallbackSecretStore }> = async (
  app,
  { store },
) => {
  app.addHook('preValidation', ownTenantOnly)
  app.post(URL, {
    bodyLimit: BODY_LIMIT,
    config: { access: ['admin'] },
    schema: {
      tags: ['callbacks'],
      summary: 'Make the signing secret of callbacks',
      description:
        'The answer holds the secret, which is shown this once. Until there is one, messages with a `callbackUrl` are refused. Made again: for 24 hours callbacks carry the signatures of both, the new secret and the one that it replaces, so receivers can change over one by one.',
      querystring: OneTenant,
      body: withExamples(CallbackSecretInput, CALLBACK_SECRET_EXAMPLES),
      response: answers({ 201: NewCallbackSecret }, 400, 413, 415),
    },
    async handler(request, reply) {
      const tenantId = actingTenant(request, request.body.tenantId ?? request.query.tenantId)
      const made = await store.create({ tenantId, actor: actorOf(request) })
      return reply.code(201).send(made)
    },
  })
  app.get(URL, {
    config: { access: ['admin'] },
    schema: {
      tags: ['callbacks'],
      summary: 'Whether there is a signing secret, and since when',
      description: 'Never the secret itself. 404 where none has been made.',
      querystring: OneTenant,
      response: answers({ 200: CallbackSecret }, 400, 404),
    },
    handler: (request) => store.get(actingTenant(request, request.query.tenantId)),
  })
  app.delete(URL, {
    config: { access: ['admin'] },
    schema: {
      tags: ['callbacks'],
      summary: 'Delete the signing secret, replaced ones included',
      description:
        'For one that has leaked: nothing is signed by it any more, from a second later on. Messages with a `callbackUrl` are refused, and callbacks that are due are tried again on their schedule, until there is a new one.',
      querystring: OneTenant,
      response: answers({ 200: Type.Literal(true) }, 400, 404),
    },
    async handler(request) {
      const tenantId = actingTenant(request, request.query.tenantId)
      await store.remove({ tenantId, actor: actorOf(request) })
      return true as const
    },
  })
}
