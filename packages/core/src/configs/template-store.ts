import { and, asc, count, eq, type SQL } from 'drizzle-orm'
import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2'
import type { Pool } from 'mysql2/promise'
import { type AuditedChange, recordChange } from '../audit/record-change.ts'
import type { ChannelRegistry } from '../channels/registry.ts'
import type { MessageType } from '../contracts/content.ts'
import { AppError } from '../contracts/errors.ts'
import type { Page } from '../contracts/pages.ts'
import type { Template, TemplateInput } from '../contracts/templates.ts'
import { type TemplateRow, templates } from '../schema/templates.ts'
import { type ChangeCall, changeConfigs } from './change.ts'
import { checkIfMatch, type Tagged, versionTag } from './etag.ts'
import { checkTemplate } from './template-check.ts'

export interface TemplateFilters {
  page?: number
  pageSize?: number
  businessType?: string
  channelType?: string
  messageType?: MessageType
}

export type TemplateStore = ReturnType<typeof createTemplateStore>

const DUPLICATE_ENTRY = 'ER_DUP_ENTRY'

/** The templates of tenants: every call names the tenant it acts for, and sees nothing of others. */
export function createTemplateStore({ pool, registry }: { pool: Pool; registry: ChannelRegistry }) {
  const db = drizzle(pool)
  return {
    create({ tenantId, actor }: ChangeCall, input: TemplateInput): Promise<Tagged<Template>> {
      checkTemplate(registry, input)
      return changeConfigs(pool, tenantId, async (transaction) => {
        const insert = transaction.db.insert(templates).values({ ...toColumns(input), tenantId })
        const [{ insertId }] = await refusingSecond(input, insert)
        const created = await find(transaction.db, tenantId, String(insertId))
        await recordChange(transaction.connection, actor, auditOf('CREATE', created, null, created))
        return tagged(created)
      })
    },

    get: async (tenantId: string, id: string): Promise<Tagged<Template>> => tagged(await find(db, tenantId, id)),

    async list(tenantId: string, filters: TemplateFilters): Promise<Page<Template>> {
      const { page = 1, pageSize = 20 } = filters
      const where = ofTenant(
        tenantId,
        filters.businessType ? eq(templates.businessType, filters.businessType) : undefined,
        filters.channelType ? eq(templates.channelType, filters.channelType) : undefined,
        filters.messageType ? eq(templates.messageType, filters.messageType) : undefined,
      )
      const [[counted], rows] = await Promise.all([
        db.select({ total: count() }).from(templates).where(where),
        db
          .select()
          .from(templates)
          .where(where)
          .orderBy(asc(templates.id))
          .limit(pageSize)
          .offset((page - 1) * pageSize),
      ])
      return { total: Number(counted?.total ?? 0), page, pageSize, items: rows.map(toAnswer) }
    },

    /** @throws AppError PRECONDITION_FAILED where `ifMatch` is not of the state that would be replaced */
    replace({ tenantId, actor, ifMatch }: ChangeCall, id: string, input: TemplateInput): Promise<Tagged<Template>> {
      return changeConfigs(pool, tenantId, async (transaction) => {
        const row = await find(transaction.db, tenantId, id)
        checkIfMatch(ifMatch, versionTag(row.version))
        checkTemplate(registry, input)
        const update = transaction.db
          .update(templates)
          .set({ ...toColumns(input), version: row.version + 1 })
          .where(ofTenant(tenantId, eq(templates.id, id)))
        await refusingSecond(input, update)
        const replaced = await find(transaction.db, tenantId, id)
        await recordChange(transaction.connection, actor, auditOf('UPDATE', row, row, replaced))
        return tagged(replaced)
      })
    },

    /** @throws AppError PRECONDITION_FAILED where `ifMatch` is not of the state that would be deleted */
    remove({ tenantId, actor, ifMatch }: ChangeCall, id: string): Promise<void> {
      return changeConfigs(pool, tenantId, async (transaction) => {
        const row = await find(transaction.db, tenantId, id)
        checkIfMatch(ifMatch, versionTag(row.version))
        await transaction.db.delete(templates).where(ofTenant(tenantId, eq(templates.id, id)))
        await recordChange(transaction.connection, actor, auditOf('DELETE', row, row, null))
      })
    },
  }
}

async function find(db: MySql2Database, tenantId: string, id: string): Promise<TemplateRow> {
  const [row] = await db
    .select()
    .from(templates)
    .where(ofTenant(tenantId, eq(templates.id, id)))
  if (!row) throw new AppError('NOT_FOUND', `there is no template ${id}`)
  return row
}

function ofTenant(tenantId: string, ...conditions: (SQL | undefined)[]): SQL | undefined {
  return and(eq(templates.tenantId, tenantId), ...conditions)
}

function toColumns(input: TemplateInput) {
  return {
    businessType: input.businessType,
    channelType: input.channelType,
    messageType: input.messageType,
    templateName: input.templateName,
    templateContent: input.templateContent,
    enabled: Number(input.enabled ?? true),
  }
}

async function refusingSecond<T>(
  { businessType, channelType, messageType }: TemplateInput,
  write: PromiseLike<T>,
): Promise<T> {
  try {
    return await write
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error
    if (cause instanceof Error && 'code' in cause && cause.code === DUPLICATE_ENTRY) {
      const text = `there is a template for ${businessType}, ${channelType}, ${messageType} already`
      throw new AppError('CONFLICT', text, {}, { cause: error })
    }
    throw error
  }
}

function auditOf(
  action: AuditedChange['action'],
  { tenantId, id }: TemplateRow,
  before: TemplateRow | null,
  after: TemplateRow | null,
): AuditedChange {
  return {
    tenantId,
    action,
    objectType: 'TEMPLATE',
    objectId: id,
    before: before && toAnswer(before),
    after: after && toAnswer(after),
  }
}

function tagged(row: TemplateRow): Tagged<Template> {
  return { object: toAnswer(row), etag: versionTag(row.version) }
}

function toAnswer({ version: _, ...row }: TemplateRow): Template {
  return {
    ...row,
    messageType: row.messageType as MessageType,
    enabled: row.enabled === 1,
    createTime: row.createTime.toISOString(),
    updateTime: row.updateTime.toISOString(),
  }
}
