import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { ChannelConfigStore } from '@message-center/core/configs/channel-config-store.ts'
import { ChannelConfig, ChannelConfigInput } from '@message-center/core/contracts/channel-configs.ts'
import { IdText } from '@message-center/core/contracts/ids.ts'
import { ChannelType } from '@message-center/core/contracts/messages.ts'
import { PageOf, PageQuery } from '@message-center/core/contracts/pages.ts'
import { Type } from 'typebox'
import { answers } from './answers.ts'
import { IdParams } from './id-params.ts'
import { actingTenant, ownTenantOnly, TenantQuery } from './tenant.ts'

const OneTenant = Type.Object(TenantQuery, { additionalProperties: false })

/** How a tenant, or one store of it, reaches a channel. */
export const channelConfigRoutes: FastifyPluginAsyncTypebox<{ store: ChannelConfigStore }> = async (app, { store }) => {
  app.addHook('preValidation', ownTenantOnly)
  app.post('/api/channel-configs', {
    config: { access: ['admin'] },
    schema: {
      tags: ['channel-configs'],
      summary: 'Create a channel config',
      body: ChannelConfigInput,
      response: answers({ 201: ChannelConfig }, 400, 413, 415),
    },
    async handler(request, reply) {
      return reply.code(201).send(await store.create(actingTenant(request, request.body.tenantId), request.body))
    },
  })
  app.get('/api/channel-configs', {
    config: { access: ['admin'] },
    schema: {
      tags: ['channel-configs'],
      summary: 'Channel configs, oldest first',
      querystring: Type.Object(
        {
          ...PageQuery,
          ...TenantQuery,
          channelType: Type.Optional(ChannelType),
          storeId: Type.Optional(IdText),
          enabled: Type.Optional(Type.Boolean()),
        },
        { additionalProperties: false },
      ),
      response: answers({ 200: PageOf(ChannelConfig) }, 400),
    },
    handler: (request) => store.list(actingTenant(request, request.query.tenantId), request.query),
  })
  app.get('/api/channel-configs/:id', {
    config: { access: ['admin'] },
    schema: {
      tags: ['channel-configs'],
      summary: 'A channel config; secrets are shown as ******',
      params: IdParams,
      querystring: OneTenant,
      response: answers({ 200: ChannelConfig }, 400, 404),
    },
    handler: (request) => store.get(actingTenant(request, request.query.tenantId), request.params.id),
  })
  app.put('/api/channel-configs/:id', {
    config: { access: ['admin'] },
    schema: {
      tags: ['channel-configs'],
      summary: 'Replace a channel config; a secret sent as ****** stays as it is',
      params: IdParams,
      querystring: OneTenant,
      body: ChannelConfigInput,
      response: answers({ 200: ChannelConfig }, 400, 404, 413, 415),
    },
    handler: (request) =>
      store.replace(
        actingTenant(request, request.body.tenantId ?? request.query.tenantId),
        request.params.id,
        request.body,
      ),
  })
  app.delete('/api/channel-configs/:id', {
    config: { access: ['admin'] },
    schema: {
      tags: ['channel-configs'],
      summary: 'Delete a channel config',
      params: IdParams,
      querystring: OneTenant,
      response: answers({ 200: Type.Literal(true) }, 400, 404),
    },
    async handler(request) {
      await store.remove(actingTenant(request, request.query.tenantId), request.params.id)
      return true as const
    },
  })
}
