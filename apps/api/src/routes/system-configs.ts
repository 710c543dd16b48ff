import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { PLATFORM_TENANT } from '@message-center/core/configs/invalidation.ts'
import type { SettingsStore } from '@message-center/core/configs/settings-store.ts'
import { AppError } from '@message-center/core/contracts/errors.ts'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { answers } from './answers.ts'
import { actingTenant, ownTenantOnly, TenantQuery } from './tenant.ts'

const Setting = Type.Object({
  key: Type.String(),
  value: Type.Unknown(),
  defaultValue: Type.Unknown(),
  source: Type.Enum(['default', 'platform', 'tenant'] as const),
  description: Type.String(),
})
const KeyParams = Type.Object({ key: Type.String({ minLength: 1, maxLength: 64 }) })
const OneTenant = Type.Object(TenantQuery, { additionalProperties: false })

/** Dynamic settings; a change holds on every process without a restart. Tenant 0 is the platform itself. */
export const systemConfigRoutes: FastifyPluginAsyncTypebox<{ store: SettingsStore }> = async (app, { store }) => {
  app.addHook('preValidation', ownTenantOnly)
  const ownerOf = (request: FastifyRequest, key: string, tenantId: string | undefined): string => {
    if (!store.isPlatformWide(key)) return actingTenant(request, tenantId)
    if (!request.caller.roles.includes('platform'))
      throw new AppError('FORBIDDEN', `${key} is set by the platform for all tenants`)
    return PLATFORM_TENANT
  }
  app.get('/api/system-configs', {
    config: { access: ['admin'] },
    schema: {
      tags: ['system-configs'],
      summary: 'All settings with their values and where those come from',
      querystring: OneTenant,
      response: answers({ 200: Type.Array(Setting) }),
    },
    handler: (request) => store.list(actingTenant(request, request.query.tenantId)),
  })
  app.get('/api/system-configs/:key', {
    config: { access: ['admin'] },
    schema: {
      tags: ['system-configs'],
      summary: 'One setting',
      params: KeyParams,
      querystring: OneTenant,
      response: answers({ 200: Setting }, 404),
    },
    handler: (request) => store.get(actingTenant(request, request.query.tenantId), request.params.key),
  })
  app.put('/api/system-configs/:key', {
    config: { access: ['admin'] },
    schema: {
      tags: ['system-configs'],
      summary: 'Set a setting',
      params: KeyParams,
      querystring: OneTenant,
      body: Type.Object({ value: Type.Unknown() }, { additionalProperties: false }),
      response: answers({ 200: Setting }, 400, 404, 415),
    },
    handler: (request) => {
      const { key } = request.params
      return store.set(ownerOf(request, key, request.query.tenantId), key, request.body.value, request.caller.subject)
    },
  })
  app.delete('/api/system-configs/:key', {
    config: { access: ['admin'] },
    schema: {
      tags: ['system-configs'],
      summary: 'Go back to the default',
      params: KeyParams,
      querystring: OneTenant,
      response: answers({ 200: Setting }, 404),
    },
    handler: (request) => {
      const { key } = request.params
      return store.reset(ownerOf(request, key, request.query.tenantId), key)
    },
  })
}
