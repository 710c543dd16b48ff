import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { ClientStore } from '@message-center/core/clients/client-store.ts'
import type { Caller, Role } from '@message-center/core/contracts/caller.ts'
import { Client, ClientFilters, ClientInput, NewClient } from '@message-center/core/contracts/clients.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import { PageOf } from '@message-center/core/contracts/pages.ts'
import { Type } from 'typebox'
import { actorOf } from './actor.ts'
import { answers } from './answers.ts'
import { IfMatch, tagAnswer, withEtag } from './entity-tags.ts'
import { CLIENT_EXAMPLES, withExamples } from './examples.ts'
import { IdParams } from './id-params.ts'
import { putBack } from './put-back.ts'
import { actingTenant, ownTenantOnly, TenantQuery } from './tenant.ts'

const OneTenant = Type.Object(TenantQuery, { additionalProperties: false })
const BODY_LIMIT = 16 * 1024

/** Programs that call this API with tokens of their own, see `POST /api/auth/token`. */
export const clientRoutes: FastifyPluginAsyncTypebox<{ store: ClientStore }> = async (app, { store }) => {
  app.addHook('preValidation', ownTenantOnly)
  app.post('/api/clients', {
    bodyLimit: BODY_LIMIT,
    config: { access: ['admin'] },
    schema: {
      tags: ['clients'],
      summary: 'Create an API client',
      description: 'The answer holds its secret, which is shown this once: the service keeps only a hash.',
      body: withExamples(ClientInput, CLIENT_EXAMPLES),
      response: answers({ 201: withEtag(NewClient) }, 400, 413, 415),
    },
    async handler(request, reply) {
      refuseMoreRoles(request.caller, request.body.roles)
      const call = { tenantId: actingTenant(request, request.body.tenantId), actor: actorOf(request) }
      return reply.code(201).send(tagAnswer(reply, await store.create(call, request.body)))
    },
  })
  app.get('/api/clients', {
    config: { access: ['admin'] },
    schema: {
      tags: ['clients'],
      summary: 'API clients, oldest first',
      description: 'Never their secrets.',
      querystring: Type.Object({ ...ClientFilters.properties, ...TenantQuery }, { additionalProperties: false }),
      response: answers({ 200: PageOf(Client) }, 400),
    },
    handler: (request) => store.list(actingTenant(request, request.query.tenantId), request.query),
  })
  app.get('/api/clients/:id', {
    config: { access: ['admin'] },
    schema: {
      tags: ['clients'],
      summary: 'An API client',
      description: 'Never its secret. The `ETag` is for the `If-Match` of a PUT or DELETE.',
      params: IdParams,
      querystring: OneTenant,
      response: answers({ 200: withEtag(Client) }, 400, 404),
    },
    handler: async (request, reply) =>
      tagAnswer(reply, await store.get(actingTenant(request, request.query.tenantId), request.params.id)),
  })
  app.put('/api/clients/:id', {
    bodyLimit: BODY_LIMIT,
    config: { access: ['admin'] },
    preValidation: putBack(ClientInput, NewClient),
    schema: {
      tags: ['clients'],
      summary: 'Replace what can be set of an API client',
      description:
        'Id and secret stay. Disabled, it gets no tokens any more, and the ones it has stop working within a second; a role that it loses is lost to its tokens likewise.',
      params: IdParams,
      querystring: OneTenant,
      headers: IfMatch,
      body: withExamples(ClientInput, CLIENT_EXAMPLES),
      response: answers({ 200: withEtag(Client) }, 400, 404, 412, 413, 415),
    },
    async handler(request, reply) {
      const { body, query, params, headers } = request
      refuseMoreRoles(request.caller, body.roles)
      const call = { tenantId: actingTenant(request, body.tenantId ?? query.tenantId), actor: actorOf(request) }
      return tagAnswer(reply, await store.replace({ ...call, ifMatch: headers['if-match'] }, params.id, body))
    },
  })
  app.delete('/api/clients/:id', {
    config: { access: ['admin'] },
    schema: {
      tags: ['clients'],
      summary: 'Delete an API client',
      description: 'The tokens that it has stop working within a second.',
      params: IdParams,
      querystring: OneTenant,
      headers: IfMatch,
      response: answers({ 200: Type.Literal(true) }, 400, 404, 412),
    },
    async handler(request) {
      const call = { tenantId: actingTenant(request, request.query.tenantId), actor: actorOf(request) }
      await store.remove({ ...call, ifMatch: request.headers['if-match'] }, request.params.id)
      return true as const
    },
  })
}

/** Nobody makes himself a token that may do more than he may. */
function refuseMoreRoles(caller: Caller, roles: readonly Role[]): void {
  const more = roles.filter((role) => !caller.roles.includes(role))
  if (more.length > 0) throw new AppError('FORBIDDEN', `you do not have the roles ${more.join(', ')} yourself`)
}
