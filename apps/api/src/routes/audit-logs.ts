import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { listAuditLog } from '@message-center/core/audit/list-audit-log.ts'
import { AuditLogEntry, AuditLogFilters } from '@message-center/core/contracts/audit.ts'
import { PageOf } from '@message-center/core/contracts/pages.ts'
import type { Pool } from 'mysql2/promise'
import { Type } from 'typebox'
import { answers } from './answers.ts'
import { actingTenant, ownTenantOnly, TenantQuery } from './tenant.ts'

/** Who changed what and when. */
export const auditLogRoutes: FastifyPluginAsyncTypebox<{ pool: Pool }> = async (app, { pool }) => {
  app.addHook('preValidation', ownTenantOnly)
  app.get('/api/audit-logs', {
    config: { access: ['admin'] },
    schema: {
      tags: ['audit-logs'],
      summary: 'The audit trail, newest first',
      description:
        'Every change of a channel config, template, system config or client: who made it and when, the object before and after, and which fields changed. Secrets are masked. An entry is written in the transaction of its change, so none is missing. Changes of platform-wide settings belong to tenant 0, which only the role `platform` may name.',
      querystring: Type.Object({ ...AuditLogFilters.properties, ...TenantQuery }, { additionalProperties: false }),
      response: answers({ 200: PageOf(AuditLogEntry) }, 400),
    },
    handler: (request) => listAuditLog(pool, actingTenant(request, request.query.tenantId), request.query),
  })
}
