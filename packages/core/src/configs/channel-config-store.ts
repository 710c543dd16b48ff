import { and, asc, count, eq, type SQL } from 'drizzle-orm'
import type { MySql2Database } from 'drizzle-orm/mysql2'
import type { ChannelRegistry, RegisteredChannel } from '../channels/registry.ts'
import type { ChannelConfig, ChannelConfigInput } from '../contracts/channel-configs.ts'
import { AppError, invalidField } from '../contracts/errors.ts'
import { normalizeId } from '../contracts/ids.ts'
import type { Page } from '../contracts/pages.ts'
import { type ChannelConfigRow, channelConfigs } from '../schema/channel-configs.ts'
import type { Cipher } from '../secrets/cipher.ts'
import { MASK, maskSettings, openSettings, sealSettings, unmaskSettings } from './channel-config-secrets.ts'

type Settings = Record<string, unknown>

export interface ChannelConfigFilters {
  page?: number
  pageSize?: number
  channelType?: string
  storeId?: string
  enabled?: boolean
}

export type ChannelConfigStore = ReturnType<typeof createChannelConfigStore>

/** The channel configs of tenants: every call names the tenant it acts for, and sees nothing of others. */
export function createChannelConfigStore(deps: {
  db: MySql2Database
  registry: ChannelRegistry
  cipher: Cipher
  /** Called after each change, before it is answered. */
  onChange(tenantId: string): Promise<void>
}) {
  const { db, cipher } = deps

  async function find(tenantId: string, id: string): Promise<ChannelConfigRow> {
    const [row] = await db
      .select()
      .from(channelConfigs)
      .where(ofTenant(tenantId, eq(channelConfigs.id, id)))
    if (!row) throw new AppError('NOT_FOUND', `there is no channel config ${id}`)
    return row
  }

  function toAnswer(row: ChannelConfigRow): ChannelConfig {
    const secretFields = deps.registry.get(row.channelType)?.adapter.secretFields
    const settings = openSettings(cipher, row)
    const { retryMax, retryInitialDelayMs, version: _, ...columns } = row
    return {
      ...columns,
      // Without its adapter nobody knows which fields are secret: then all are.
      configJson: maskSettings(settings, secretFields ?? Object.keys(settings)),
      enabled: row.enabled === 1,
      timeWindowEnabled: row.timeWindowEnabled === 1,
      retry:
        retryMax === null || retryInitialDelayMs === null
          ? null
          : { max: retryMax, initialDelayMs: retryInitialDelayMs },
      createTime: row.createTime.toISOString(),
      updateTime: row.updateTime.toISOString(),
    }
  }

  return {
    async create(tenantId: string, input: ChannelConfigInput): Promise<ChannelConfig> {
      const channel = channelOf(deps.registry, input)
      const settings = settingsOf(input)
      refuseMask(settings)
      checkSettings(channel, settings)
      const id = await db.transaction(async (transaction) => {
        const [{ insertId }] = await transaction
          .insert(channelConfigs)
          .values({ ...toColumns(input, channel), tenantId, configJson: '' })
        // The ciphertext is bound to the row's id, which exists only now.
        const configJson = sealSettings(cipher, { id: String(insertId), tenantId }, settings)
        await transaction
          .update(channelConfigs)
          .set({ configJson })
          .where(eq(channelConfigs.id, String(insertId)))
        return String(insertId)
      })
      await deps.onChange(tenantId)
      return toAnswer(await find(tenantId, id))
    },

    get: async (tenantId: string, id: string): Promise<ChannelConfig> => toAnswer(await find(tenantId, id)),

    async list(tenantId: string, filters: ChannelConfigFilters): Promise<Page<ChannelConfig>> {
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
      return { total: Number(counted?.total ?? 0), page, pageSize, items: rows.map(toAnswer) }
    },

    async replace(tenantId: string, id: string, input: ChannelConfigInput): Promise<ChannelConfig> {
      const row = await find(tenantId, id)
      if (input.channelType !== row.channelType)
        throw invalidField('channelType', `of a config cannot change; it is ${row.channelType}`)
      const channel = channelOf(deps.registry, input)
      const settings = unmaskSettings(settingsOf(input), openSettings(cipher, row), channel.adapter.secretFields)
      refuseMask(settings)
      checkSettings(channel, settings)
      await db
        .update(channelConfigs)
        .set({
          ...toColumns(input, channel),
          configJson: sealSettings(cipher, row, settings),
          version: row.version + 1,
        })
        .where(ofTenant(tenantId, eq(channelConfigs.id, id)))
      await deps.onChange(tenantId)
      return toAnswer(await find(tenantId, id))
    },

    async remove(tenantId: string, id: string): Promise<void> {
      await find(tenantId, id)
      await db.delete(channelConfigs).where(ofTenant(tenantId, eq(channelConfigs.id, id)))
      await deps.onChange(tenantId)
    },
  }
}

function ofTenant(tenantId: string, ...conditions: (SQL | undefined)[]): SQL | undefined {
  return and(eq(channelConfigs.tenantId, tenantId), ...conditions)
}

function channelOf(registry: ChannelRegistry, { channelType }: ChannelConfigInput): RegisteredChannel {
  const channel = registry.get(channelType)
  if (!channel) throw invalidField('channelType', `is not known; known are ${[...registry.keys()].join(', ')}`)
  return channel
}

function settingsOf({ configJson }: ChannelConfigInput): Settings {
  if (typeof configJson !== 'string') return configJson as Settings
  try {
    const parsed: unknown = JSON.parse(configJson)
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Settings
  } catch (error) {
    throw invalidField('configJson', `is a string that is not JSON: ${error instanceof Error ? error.message : error}`)
  }
  throw invalidField('configJson', 'must be an object, or a string holding one')
}

function refuseMask(settings: Settings): void {
  const masked = Object.keys(settings).find((key) => settings[key] === MASK)
  if (masked)
    throw invalidField(`configJson.${masked}`, `is '${MASK}', which stands for a stored secret; there is none to keep`)
}

function checkSettings(channel: RegisteredChannel, settings: Settings): void {
  const faults = channel
    .checkConfig(settings)
    .map(({ path, message }) => ({ path: path ? `configJson.${path}` : 'configJson', message }))
  const [first] = faults
  if (first) throw new AppError('VALIDATION_FAILED', `${first.path} ${first.message}`, { details: faults })
}

/** What a body leaves out gets its default; the rate limit's is the adapter's. */
function toColumns(input: ChannelConfigInput, { adapter }: RegisteredChannel) {
  return {
    storeId: input.storeId === undefined || input.storeId === null ? null : (normalizeId(input.storeId) ?? null),
    channelType: input.channelType,
    channelName: input.channelName,
    priority: input.priority ?? 1,
    enabled: Number(input.enabled ?? true),
    rateLimitCount: input.rateLimitCount ?? adapter.rateLimit.count,
    rateLimitWindow: input.rateLimitWindow ?? adapter.rateLimit.window,
    rateLimitUnit: input.rateLimitUnit ?? adapter.rateLimit.unit,
    timeWindowEnabled: Number(input.timeWindowEnabled ?? false),
    timeWindowStartHour: input.timeWindowStartHour ?? 0,
    timeWindowEndHour: input.timeWindowEndHour ?? 23,
    timeWindowPolicy: input.timeWindowPolicy ?? 'REJECT',
    overflowPolicy: input.overflowPolicy ?? 'REJECT',
    monthlyQuota: input.monthlyQuota ?? null,
    unknownOutcomePolicy: input.unknownOutcomePolicy ?? 'RESEND',
    retryMax: input.retry?.max ?? null,
    retryInitialDelayMs: input.retry?.initialDelayMs ?? null,
  }
}
