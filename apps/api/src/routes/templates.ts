import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { TemplateStore } from '@message-center/core/configs/template-store.ts'
import { MessageType } from '@message-center/core/contracts/content.ts'
import { ChannelType } from '@message-center/core/contracts/messages.ts'
import { PageOf, PageQuery } from '@message-center/core/contracts/pages.ts'
import { Template, TemplateInput } from '@message-center/core/contracts/templates.ts'
import { Type } from 'typebox'
import { actorOf } from './actor.ts'
import { answers } from './answers.ts'
import { IfMatch, tagAnswer, withEtag } from './entity-tags.ts'
import { TEMPLATE_EXAMPLES, TEMPLATE_REPLACEMENT_EXAMPLES, withExamples } from './examples.ts'
import { IdParams } from './id-params.ts'
import { putBack } from './put-back.ts'
import { actingTenant, ownTenantOnly, TenantQuery } from './tenant.ts'

const OneTenant = Type.Object(TenantQuery, { additionalProperties: false })
const Filters = Type.Object(
  {
    ...PageQuery,
    ...TenantQuery,
    channelType: Type.Optional(ChannelType),
    businessType: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    messageType: Type.Optional(MessageType),
  },
  { additionalProperties: false },
)
const CONTENT_RULES =
  'Placeholders are `${orderNo}`, `${buyer.name}`, sections `${#items}…${/items}` and `${^items}…${/items}`. TEXT: the text itself. MARKDOWN: markdown, or JSON `{"title","text"}`. LINK: JSON `{"title","text","url","picUrl?"}`. CARD: JSON `{"title","text","buttons":[{"title","url"}],"vertical?"}`. What does not parse, or is too long for the channel, is refused with line and reason.'

/** What a message of a business type says on a channel. */
export const templateRoutes: FastifyPluginAsyncTypebox<{ store: TemplateStore }> = async (app, { store }) => {
  app.addHook('preValidation', ownTenantOnly)
  app.post('/api/templates', {
    config: { access: ['operator'] },
    schema: {
      tags: ['templates'],
      summary: 'Create a template',
      description: `One per business type, channel and message type; a second is a 409. ${CONTENT_RULES}`,
      body: withExamples(TemplateInput, TEMPLATE_EXAMPLES),
      response: answers({ 201: withEtag(Template) }, 400, 409, 413, 415),
    },
    async handler(request, reply) {
      const call = { tenantId: actingTenant(request, request.body.tenantId), actor: actorOf(request) }
      return reply.code(201).send(tagAnswer(reply, await store.create(call, request.body)))
    },
  })
  app.get('/api/templates', {
    config: { access: ['operator'] },
    schema: {
      tags: ['templates'],
      summary: 'Templates, oldest first',
      description: 'All that fit the filters; without filters all of the tenant.',
      querystring: Filters,
      response: answers({ 200: PageOf(Template) }, 400),
    },
    handler: (request) => store.list(actingTenant(request, request.query.tenantId), request.query),
  })
  app.get('/api/templates/:id', {
    config: { access: ['operator'] },
    schema: {
      tags: ['templates'],
      summary: 'A template',
      description: 'The `ETag` is for the `If-Match` of a PUT or DELETE.',
      params: IdParams,
      querystring: OneTenant,
      response: answers({ 200: withEtag(Template) }, 400, 404),
    },
    handler: async (request, reply) =>
      tagAnswer(reply, await store.get(actingTenant(request, request.query.tenantId), request.params.id)),
  })
  app.put('/api/templates/:id', {
    config: { access: ['operator'] },
    preValidation: putBack(TemplateInput, Template),
    schema: {
      tags: ['templates'],
      summary: 'Replace a template',
      description: `Messages that are posted after the answer use the new one. ${CONTENT_RULES}`,
      params: IdParams,
      querystring: OneTenant,
      headers: IfMatch,
      body: withExamples(TemplateInput, TEMPLATE_REPLACEMENT_EXAMPLES),
      response: answers({ 200: withEtag(Template) }, 400, 404, 409, 412, 413, 415),
    },
    async handler(request, reply) {
      const { body, query, params, headers } = request
      const call = { tenantId: actingTenant(request, body.tenantId ?? query.tenantId), actor: actorOf(request) }
      return tagAnswer(reply, await store.replace({ ...call, ifMatch: headers['if-match'] }, params.id, body))
    },
  })
  app.delete('/api/templates/:id', {
    config: { access: ['operator'] },
    schema: {
      tags: ['templates'],
      summary: 'Delete a template',
      description:
        'Messages that are posted after the answer do not use it any more; what is rendered already is sent.',
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
