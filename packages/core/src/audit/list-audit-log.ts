import { and, desc, eq, getTableColumns, gte, lte, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/mysql2'
import type { Pool } from 'mysql2/promise'
import type { AuditAction, AuditLogEntry, AuditLogFilters, AuditObjectType } from '../contracts/audit.ts'
import type { Page } from '../contracts/pages.ts'
import { boundedCount } from '../database/bounded-count.ts'
import { auditLog } from '../schema/audit-log.ts'

/** A tenant's audit trail by the filters, newest first. */
export async function listAuditLog(
  pool: Pool,
  tenantId: string,
  filters: AuditLogFilters,
): Promise<Page<AuditLogEntry>> {
  const db = drizzle(pool)
  const { page = 1, pageSize = 20, objectType, objectId, actor, createdFrom, createdTo } = filters
  const where = and(
    eq(auditLog.tenantId, tenantId),
    objectType ? eq(auditLog.objectType, objectType) : undefined,
    objectId ? eq(auditLog.objectId, objectId) : undefined,
    actor ? eq(auditLog.actor, actor) : undefined,
    createdFrom ? gte(auditLog.createTime, new Date(createdFrom)) : undefined,
    createdTo ? lte(auditLog.createTime, new Date(createdTo)) : undefined,
  )
  // The entries hold whole objects: those of other pages are passed over in the index.
  const ids = db
    .select({ id: auditLog.id })
    .from(auditLog)
    .where(where)
    .orderBy(desc(auditLog.id))
    .limit(pageSize)
    .offset((page - 1) * pageSize)
    .as('page')
  const every = db
    .select({ fits: sql`1`.as('fits') })
    .from(auditLog)
    .where(where)
    .toSQL()
  const [total, rows] = await Promise.all([
    boundedCount(pool, { select: every.sql, values: every.params, byIndexAlone: !(actor || createdFrom || createdTo) }),
    db
      .select(getTableColumns(auditLog))
      .from(ids)
      .innerJoin(auditLog, eq(auditLog.id, ids.id))
      .orderBy(desc(auditLog.id)),
  ])
  return { ...total, page, pageSize, items: rows.map(toEntry) }
}

function toEntry({ beforeJson, afterJson, changedFields, ...row }: typeof auditLog.$inferSelect): AuditLogEntry {
  return {
    ...row,
    action: row.action as AuditAction,
    objectType: row.objectType as AuditObjectType,
    before: beforeJson === null ? null : JSON.parse(beforeJson),
    after: afterJson === null ? null : JSON.parse(afterJson),
    changedFields: changedFields === null ? null : JSON.parse(changedFields),
    createTime: row.createTime.toISOString(),
  }
}
