import { and, asc, count, eq, type SQL } from 'drizzle-orm'
import type { MySql2Database } from 'drizzle-orm/mysql2'
import type { ChannelRegistry } from '../channels/registry.ts'
import type { MessageType } from '../contracts/content.ts'
import { AppError, invalidField } from '../contracts/errors.ts'
import type { Page } from '../contracts/pages.ts'
import type { Template, TemplateInput } from '../contracts/templates.ts'
import { type TemplateRow, templates } from '../schema/templates.ts'
import { lintTemplate } from '../templates/lint.ts'

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
export function createTemplateStore(deps: {
  db: MySql2Database
  registry: ChannelRegistry
  onChange(tenantId: string): Promise<void>
}) {
  const { db } = deps

  async function find(tenantId: string, id: string): Promise<TemplateRow> {
    const [row] = await db
      .select()
      .from(templates)
      .where(ofTenant(tenantId, eq(templates.id, id)))
    if (!row) throw new AppError('NOT_FOUND', `there is no template ${id}`)
    return row
  }

  return {
    async create(tenantId: string, input: TemplateInput): Promise<Template> {
      const columns = toColumns(deps.registry, input)
      const [{ insertId }] = await refusingSecond(input, () => db.insert(templates).values({ ...columns, tenantId }))
      await deps.onChange(tenantId)
      return toAnswer(await find(tenantId, String(insertId)))
    },

    get: async (tenantId: string, id: string): Promise<Template> => toAnswer(await find(tenantId, id)),

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

    async replace(tenantId: string, id: string, input: TemplateInput): Promise<Template> {
      const { version } = await find(tenantId, id)
      const columns = { ...toColumns(deps.registry, input), version: version + 1 }
      await refusingSecond(input, () =>
        db
          .update(templates)
          .set(columns)
          .where(ofTenant(tenantId, eq(templates.id, id))),
      )
      await deps.onChange(tenantId)
      return toAnswer(await find(tenantId, id))
    },

    async remove(tenantId: string, id: string): Promise<void> {
      await find(tenantId, id)
      await db.delete(templates).where(ofTenant(tenantId, eq(templates.id, id)))
      await deps.onChange(tenantId)
    },
  }
}

function ofTenant(tenantId: string, ...conditions: (SQL | undefined)[]): SQL | undefined {
  return and(eq(templates.tenantId, tenantId), ...conditions)
}

/** @throws AppError where the channel is unknown, does not have the message type, or the template does not parse */
function toColumns(registry: ChannelRegistry, input: TemplateInput) {
  const adapter = registry.get(input.channelType)?.adapter
  if (!adapter) throw invalidField('channelType', `is not known; known are ${[...registry.keys()].join(', ')}`)
  if (!adapter.messageTypes.includes(input.messageType)) {
    throw invalidField('messageType', `is not one of ${input.channelType}: ${adapter.messageTypes.join(', ')}`)
  }
  const { messageType, templateContent } = input
  const issues = lintTemplate({ messageType, templateContent, maxBytes: adapter.maxBytes })
  const [first] = issues
  if (first) {
    const details = issues.map(({ path, message, line, column }) => ({
      path,
      message: line === undefined ? message : `line ${line}, column ${column}: ${message}`,
    }))
    throw new AppError('VALIDATION_FAILED', `${details[0]?.path} ${details[0]?.message}`, { details })
  }
  return {
    businessType: input.businessType,
    channelType: input.channelType,
    messageType,
    templateName: input.templateName,
    templateContent,
    enabled: Number(input.enabled ?? true),
  }
}

async function refusingSecond<T>(
  { businessType, channelType, messageType }: TemplateInput,
  write: () => Promise<T>,
): Promise<T> {
  try {
    return await write()
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error
    if (cause instanceof Error && 'code' in cause && cause.code === DUPLICATE_ENTRY) {
      const text = `there is a template for ${businessType}, ${channelType}, ${messageType} already`
      throw new AppError('CONFLICT', text, {}, { cause: error })
    }
    throw error
  }
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
