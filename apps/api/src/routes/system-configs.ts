import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { SettingsStore } from '@message-center/core/configs/settings-store.ts'
import { PLATFORM_TENANT } from '@message-center/core/contracts/caller.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import { Setting } from '@message-center/core/contracts/settings.ts'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { actorOf } from './actor.ts'
import { answers } from './answers.ts'
import { IfMatch, tagAnswer, withEtag } from './entity-tags.ts'
import { SETTING_EXAMPLES, withExamples } from './examples.ts'
import { putBack } from './put-back.ts'
import { actingTenant, ownTenantOnly, TenantQuery } from './tenant.ts'

const KeyParams = Type.Object({ key: Type.String({ minLength: 1, maxLength: 64, examples: ['retryMax'] }) })
const OneTenant = Type.Object(TenantQuery, { additionalProperties: false })
const SettingInput = Type.Object({ value: Type.Unknown() }, { additionalProperties: false })
const PLATFORM_RULE =
  'The keys that hold for the whole platform, the limits that guard it from a tenant (maxWaitingMessages, maxWaitingSeconds), and the defaults of all tenants (`?tenantId=0`), are set by the role `platform` only.'

/** Dynamic settings; a change holds on every process without a restart. Tenant 0 is the platform itself. */
export const systemConfigRoutes: FastifyPluginAsyncTypebox<{ store: SettingsStore }> = async (app, { store }) => {
  app.addHook('preValidation', ownTenantOnly)
  /** Whose value a change sets. */
  const ownerOf = (request: FastifyRequest, key: string, named: string | undefined): string => {
    const tenantId = store.isPlatformWide(key) ? PLATFORM_TENANT : actingTenant(request, named)
    const ofPlatform = tenantId === PLATFORM_TENANT || store.isSetByPlatform(key)
    if (ofPlatform && !request.caller.roles.includes('platform'))
      throw new AppError('FORBIDDEN', `${key} is set by the platform`)
    return tenantId
  }
  app.get('/api/system-configs', {
    config: { access: ['admin'] },
    schema: {
      tags: ['system-configs'],
      summary: 'All settings with their values and where those come from',
      description: "A setting's value is the tenant's own, else the platform's, else the default.",
      querystring: OneTenant,
      response: answers({ 200: Type.Array(Setting) }, 400),
    },
    handler: (request) => store.list(actingTenant(request, request.query.tenantId)),
  })
  app.get('/api/system-configs/:key', {
    config: { access: ['admin'] },
    schema: {
      tags: ['system-configs'],
      summary: 'One setting',
      description: "Its value is the tenant's own, else the platform's, else the default.",
      params: KeyParams,
      querystring: OneTenant,
      response: answers({ 200: withEtag(Setting) }, 400, 404),
    },
    handler: async (request, reply) =>
      tagAnswer(reply, await store.get(actingTenant(request, request.query.tenantId), request.params.key)),
  })
  app.put('/api/system-configs/:key', {
    config: { access: ['admin'] },
    preValidation: putBack(SettingInput, Setting),
    schema: {
      tags: ['system-configs'],
      summary: 'Set a setting',
      description: `Holds on every process without a restart, for every message that is posted after the answer. ${PLATFORM_RULE}`,
      params: KeyParams,
      querystring: OneTenant,
      headers: IfMatch,
      body: withExamples(SettingInput, SETTING_EXAMPLES),
      response: answers({ 200: withEtag(Setting) }, 400, 404, 412, 413, 415),
    },
    async handler(request, reply) {
      const { params, query, body, headers } = request
      const call = { tenantId: ownerOf(request, params.key, query.tenantId), actor: actorOf(request) }
      return tagAnswer(reply, await store.set({ ...call, ifMatch: headers['if-match'] }, params.key, body.value))
    },
  })
  app.delete('/api/system-configs/:key', {
    config: { access: ['admin'] },
    schema: {
      tags: ['system-configs'],
      summary: 'Go back to the default',
      description: `Takes the tenant's own value away; the platform's, or else the default, holds again. ${PLATFORM_RULE}`,
      params: KeyParams,
      querystring: OneTenant,
      headers: IfMatch,
      response: answers({ 200: withEtag(Setting) }, 400, 404, 412),
    },
    async handler(request, reply) {
      const { params, query, headers } = request
      const call = { tenantId: ownerOf(request, params.key, query.tenantId), actor: actorOf(request) }
      return tagAnswer(reply, await store.reset({ ...call, ifMatch: headers['if-match'] }, params.key))
    },
  })
}
