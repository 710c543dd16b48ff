import { and, count, desc, eq, gte, lte } from 'drizzle-orm'
import type { MySql2Database } from 'drizzle-orm/mysql2'
import type { AuditAction, AuditLogEntry, AuditLogFilters, AuditObjectType } from '../contracts/audit.ts'
import type { Page } from '../contracts/pages.ts'
import { auditLog } from '../schema/audit-log.ts'

/** A tenant's audit trail by the filters, newest first. */
export async function listAuditLog(
  db: MySql2Database,
  tenantId: string,
  filters: AuditLogFilters,
): Promise<Page<AuditLogEntry>> {
  const { page = 1, pageSize = 20, objectType, objectId, actor, createdFrom, createdTo } = filters
  const where = and(
    eq(auditLog.tenantId, tenantId),
    objectType ? eq(auditLog.objectType, objectType) : undefined,
    objectId ? eq(auditLog.objectId, objectId) : undefined,
    actor ? eq(auditLog.actor, actor) : undefined,
    createdFrom ? gte(auditLog.createTime, new Date(createdFrom)) : undefined,
    createdTo ? lte(auditLog.createTime, new Date(createdTo)) : undefined,
  )
  const [[counted], rows] = await Promise.all([
    db.select({ total: count() }).from(auditLog).where(where),
    db
      .select()
      .from(auditLog)
      .where(where)
      .orderBy(desc(auditLog.id))
      .limit(pageSize)
      .offset((page - 1) * pageSize),
  ])
  return { total: Number(counted?.total ?? 0), page, pageSize, items: rows.map(toEntry) }
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
