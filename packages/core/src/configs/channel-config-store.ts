import { and, asc, count, eq, type SQL } from 'drizzle-orm'
import { drizzle, type MySql2Database } from 'drizzle-orm/mysql2'
import type { Pool } from 'mysql2/promise'
import { changedFields } from '../audit/changed-fields.ts'
import { type AuditedChange, recordChange } from '../audit/record-change.ts'
import type { ChannelRegistry } from '../channels/registry.ts'
import type { ChannelConfigInput, StoredChannelConfig } from '../contracts/channel-configs.ts'
import { AppError, invalidField } from '../contracts/errors.ts'
import type { Page } from '../contracts/pages.ts'
import { createQuotaMonth } from '../quota/quota-month.ts'
import { readQuotaUse } from '../quota/quota-usage.ts'
import { type ChannelConfigRow, channelConfigs } from '../schema/channel-configs.ts'
import type { Cipher } from '../secrets/cipher.ts'
import { type ChangeCall, changeConfigs } from './change.ts'
import { toAnswer, toAudited } from './channel-config-answer.ts'
import { channelOf, checkSettings, settingsOf, toColumns } from './channel-config-input.ts'
import { openIfPossible, openSettings, sealSettings, unmaskSettings } from './channel-config-secrets.ts'
import { checkIfMatch, type Tagged, versionTag } from './etag.ts'

export interface ChannelConfigFilters {
  page?: number
  pageSize?: number
  channelType?: string
  storeId?: string
  enabled?: boolean
}

export type ChannelConfigStore = ReturnType<typeof createChannelConfigStore>

/** The channel configs of tenants: every call names the tenant it acts for, and sees nothing of others. */
export function createChannelConfigStore(deps: { pool: Pool; registry: ChannelRegistry; cipher: Cipher }) {
  const { pool, registry, cipher } = deps
  const db = drizzle(pool)
  const monthOf = createQuotaMonth(registry)
  const answer = async (rows: readonly ChannelConfigRow[]): Promise<StoredChannelConfig[]> => {
    const limited = rows.filter(({ monthlyQuota }) => monthlyQuota !== null)
    const months = new Map(limited.map(({ id, channelType }) => [id, monthOf(channelType)]))
    const uses = await readQuotaUse(
      pool,
      [...months].map(([configId, month]) => ({ configId, month })),
    )
    return rows.map((row) => {
      const month = months.get(row.id)
      const used = uses.find(({ configId }) => configId === row.id)?.sends ?? 0
      return { ...toAnswer(row, registry, cipher), quota: month === undefined ? null : { month, used } }
    })
  }
  const tagged = async (row: ChannelConfigRow): Promise<Tagged<StoredChannelConfig>> => {
    const [object] = await answer([row])
    return { object: object as StoredChannelConfig, etag: versionTag(row.version) }
  }
  const audited = (row: ChannelConfigRow | null) => row && toAudited(row, registry, cipher)
  const plain = (row: ChannelConfigRow) => ({ configJson: openIfPossible(cipher, row) })
  const auditOf = (
    action: AuditedChange['action'],
    { tenantId, id }: ChannelConfigRow,
    before: ChannelConfigRow | null,
    after: ChannelConfigRow | null,
  ): AuditedChange => ({
    tenantId,
    action,
    objectType: 'CHANNEL_CONFIG',
    objectId: id,
    before: audited(before),
    after: audited(after),
    // Masked, secrets all look alike.
    alsoChanged: before && after ? changedFields(plain(before), plain(after)) : [],
  })

  return {
    async create({ tenantId, actor }: ChangeCall, input: ChannelConfigInput): Promise<Tagged<StoredChannelConfig>> {
      const channel = channelOf(registry, input)
      const settings = settingsOf(input)
      checkSettings(channel, settings)
      const row = await changeConfigs(pool, tenantId, async (transaction) => {
        const [{ insertId }] = await transaction.db
          .insert(channelConfigs)
          .values({ ...toColumns(input, channel), tenantId, configJson: '' })
        const id = String(insertId)
        // The ciphertext is bound to the row's id, which exists only now.
        await transaction.db
          .update(channelConfigs)
          .set({ configJson: sealSettings(cipher, { id, tenantId }, settings) })
          .where(eq(channelConfigs.id, id))
        const created = await find(transaction.db, tenantId, id)
        await recordChange(transaction.connection, actor, auditOf('CREATE', created, null, created))
        return created
      })
      return tagged(row)
    },

    get: async (tenantId: string, id: string): Promise<Tagged<StoredChannelConfig>> =>
      tagged(await find(db, tenantId, id)),

    /** The config with its secrets, for a call of the provider; `month` where it has a quota that the call is part of. */
    async open(tenantId: string, id: string) {
      const row = await find(db, tenantId, id)
      const month = row.monthlyQuota === null ? undefined : monthOf(row.channelType)
      return { channelType: row.channelType, settings: openSettings(cipher, row), month }
    },

    async list(tenantId: string, filters: ChannelConfigFilters): Promise<Page<StoredChannelConfig>> {
      const { page = 1, pageSize = 20 } = filters
      const where = ofTenant(
        tenantId,
        filters.channelType ? eq(channelConfigs.channelType, filters.channelType) : undefined,
        filters.storeId ? eq(channelConfigs.storeId, filters.storeId) : undefined,
        filters.enabled === undefined ? undefined : eq(channelConfigs.enabled, filters.enabled ? 1 : 0),
      )
      const [[counted], rows] = await Promise.all([
        db.select({ total: count() }).from(channelConfigs).where(where),
        db
          .select()
          .from(channelConfigs)
          .where(where)
          .orderBy(asc(channelConfigs.id))
          .limit(pageSize)
          .offset((page - 1) * pageSize),
      ])
      return { total: Number(counted?.total ?? 0), page, pageSize, items: await answer(rows) }
    },

    /** @throws AppError PRECONDITION_FAILED where `ifMatch` is not of the state that would be replaced */
    async replace(
      { tenantId, actor, ifMatch }: ChangeCall,
      id: string,
      input: ChannelConfigInput,
    ): Promise<Tagged<StoredChannelConfig>> {
      const stored = await changeConfigs(pool, tenantId, async (transaction) => {
        const row = await find(transaction.db, tenantId, id)
        checkIfMatch(ifMatch, versionTag(row.version))
        if (input.channelType !== row.channelType)
          throw invalidField('channelType', `of a config cannot change; it is ${row.channelType}`)
        const channel = channelOf(registry, input)
        const settings = unmaskSettings(settingsOf(input), openIfPossible(cipher, row), channel.adapter.secretFields)
        checkSettings(channel, settings)
        const columns = { configJson: sealSettings(cipher, row, settings), version: row.version + 1 }
        await transaction.db
          .update(channelConfigs)
          .set({ ...toColumns(input, channel), ...columns })
          .where(ofTenant(tenantId, eq(channelConfigs.id, id)))
        const replaced = await find(transaction.db, tenantId, id)
        await recordChange(transaction.connection, actor, auditOf('UPDATE', row, row, replaced))
        return replaced
      })
      return tagged(stored)
    },

    /** @throws AppError PRECONDITION_FAILED where `ifMatch` is not of the state that would be deleted */
    remove({ tenantId, actor, ifMatch }: ChangeCall, id: string): Promise<void> {
      return changeConfigs(pool, tenantId, async (transaction) => {
        const row = await find(transaction.db, tenantId, id)
        checkIfMatch(ifMatch, versionTag(row.version))
        await transaction.db.delete(channelConfigs).where(ofTenant(tenantId, eq(channelConfigs.id, id)))
        await recordChange(transaction.connection, actor, auditOf('DELETE', row, row, null))
      })
    },
  }
}

async function find(db: MySql2Database, tenantId: string, id: string): Promise<ChannelConfigRow> {
  const [row] = await db
    .select()
    .from(channelConfigs)
    .where(ofTenant(tenantId, eq(channelConfigs.id, id)))
  if (!row) throw new AppError('NOT_FOUND', `there is no channel config ${id}`)
  return row
}

function ofTenant(tenantId: string, ...conditions: (SQL | undefined)[]): SQL | undefined {
  return and(eq(channelConfigs.tenantId, tenantId), ...conditions)
}
