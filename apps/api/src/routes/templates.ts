import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { TemplateStore } from '@message-center/core/configs/template-store.ts'
import { MessageType } from '@message-center/core/contracts/content.ts'
import { ChannelType } from '@message-center/core/contracts/messages.ts'
import { PageOf, PageQuery } from '@message-center/core/contracts/pages.ts'
import { Template, TemplateInput } from '@message-center/core/contracts/templates.ts'
import { Type } from 'typebox'
import { answers } from './answers.ts'
import { IdParams } from './id-params.ts'
import { actingTenant, ownTenantOnly, TenantQuery } from './tenant.ts'

const OneTenant = Type.Object(TenantQuery, { additionalProperties: false })

/** What a message of a business type says on a channel. */
export const templateRoutes: FastifyPluginAsyncTypebox<{ store: TemplateStore }> = async (app, { store }) => {
  app.addHook('preValidation', ownTenantOnly)
  app.post('/api/templates', {
    config: { access: ['operator'] },
    schema: {
      tags: ['templates'],
      summary: 'Create a template',
      body: TemplateInput,
      response: answers({ 201: Template }, 400, 409, 413, 415),
    },
    async handler(request, reply) {
      return reply.code(201).send(await store.create(actingTenant(request, request.body.tenantId), request.body))
    },
  })
  app.get('/api/templates', {
    config: { access: ['operator'] },
    schema: {
      tags: ['templates'],
      summary: 'Templates, oldest first',
      querystring: Type.Object(
        {
          ...PageQuery,
          ...TenantQuery,
          channelType: Type.Optional(ChannelType),
          businessType: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
          messageType: Type.Optional(MessageType),
        },
        { additionalProperties: false },
      ),
      response: answers({ 200: PageOf(Template) }, 400),
    },
    handler: (request) => store.list(actingTenant(request, request.query.tenantId), request.query),
  })
  app.get('/api/templates/:id', {
    config: { access: ['operator'] },
    schema: {
      tags: ['templates'],
      summary: 'A template',
      params: IdParams,
      querystring: OneTenant,
      response: answers({ 200: Template }, 400, 404),
    },
    handler: (request) => store.get(actingTenant(request, request.query.tenantId), request.params.id),
  })
  app.put('/api/templates/:id', {
    config: { access: ['operator'] },
    schema: {
      tags: ['templates'],
      summary: 'Replace a template',
      params: IdParams,
      querystring: OneTenant,
      body: TemplateInput,
      response: answers({ 200: Template }, 400, 404, 409, 413, 415),
    },
    handler: (request) =>
      store.replace(
        actingTenant(request, request.body.tenantId ?? request.query.tenantId),
        request.params.id,
        request.body,
      ),
  })
  app.delete('/api/templates/:id', {
    config: { access: ['operator'] },
    schema: {
      tags: ['templates'],
      summary: 'Delete a template',
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
