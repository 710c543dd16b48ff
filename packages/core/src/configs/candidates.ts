import type { RowDataPacket } from 'mysql2'
import type { Pool } from 'mysql2/promise'
import { rateLimitWindowMs } from '../contracts/channel-configs.ts'
import { createTenantCache } from './tenant-cache.ts'
import type { ConfigChanges } from './watch-changes.ts'

/** A channel config as routing and delivery see it; the secrets stay sealed in `configJson`. */
export interface CandidateConfig {
  id: string
  tenantId: string
  storeId: string | null
  channelType: string
  channelName: string
  configJson: string
  priority: number
  rateLimit: { count: number; windowMs: number }
  timeWindow: { startHour: number; endHour: number; policy: 'REJECT' | 'DEFER' } | null
  overflowPolicy: 'REJECT' | 'DEFER' | 'MERGE'
  /** Sends in a calendar month; null = as many as there are. */
  monthlyQuota: number | null
  unknownOutcomePolicy: 'RESEND' | 'FAIL'
  retry: { max: number | null; initialDelayMs: number | null }
}

/** Enabled configs of a store by channel type, each list by priority. */
export type Candidates = ReadonlyMap<string, readonly CandidateConfig[]>

export interface CandidateSource {
  /** For each channel type: the store's enabled configs, else the tenant's. */
  candidates(tenantId: string, storeId: string | null): Promise<Candidates>
  /** One config, whether it is still enabled or not; undefined once deleted. */
  config(tenantId: string, configId: string): Promise<CandidateConfig | undefined>
}

const TENANT_LEVEL = '-'

/** Cached look-up of channel configs. */
export function createCandidateSource(pool: Pool, changes: ConfigChanges): CandidateSource {
  const byStore = createTenantCache<Candidates>(async (tenantId, key) => {
    const storeId = key === TENANT_LEVEL ? null : key
    const [rows] = await pool.query<RowDataPacket[]>(
      `SELECT * FROM msg_channel_config
       WHERE tenant_id = ? AND enabled = 1 AND (store_id IS NULL OR store_id = ?) ORDER BY priority, id`,
      [tenantId, storeId],
    )
    return storeElseTenant(rows.map(toCandidate))
  }, changes)
  const byId = createTenantCache<{ config: CandidateConfig | undefined }>(async (tenantId, id) => {
    const [rows] = await pool.query<RowDataPacket[]>(
      'SELECT * FROM msg_channel_config WHERE id = ? AND tenant_id = ?',
      [id, tenantId],
    )
    return { config: rows[0] && toCandidate(rows[0]) }
  }, changes)
  return {
    candidates: (tenantId, storeId) => byStore(tenantId, storeId ?? TENANT_LEVEL),
    config: async (tenantId, id) => (await byId(tenantId, id)).config,
  }
}

/** The enabled configs of all tenants, of some channel types. */
export async function findEnabledConfigs(pool: Pool, channelTypes: readonly string[]): Promise<CandidateConfig[]> {
  if (channelTypes.length === 0) return []
  const [rows] = await pool.query<RowDataPacket[]>(
    'SELECT * FROM msg_channel_config WHERE enabled = 1 AND channel_type IN (?) ORDER BY id',
    [channelTypes],
  )
  return rows.map(toCandidate)
}

/** A config as far as its line goes. */
export type LimitedConfig = Pick<CandidateConfig, 'id' | 'tenantId' | 'channelType' | 'rateLimit'>

/** The configs of all tenants, enabled or not: retries wait in line whatever a config says of what is new. */
export async function findLimitedConfigs(pool: Pool): Promise<LimitedConfig[]> {
  const [rows] = await pool.query<RowDataPacket[]>(
    `SELECT id, tenant_id, channel_type, rate_limit_count, rate_limit_window, rate_limit_unit FROM msg_channel_config`,
  )
  return rows.map((row) => ({
    id: row.id,
    tenantId: row.tenant_id,
    channelType: row.channel_type,
    rateLimit: rateLimitOf(row),
  }))
}

/** A store that has configs of a channel type uses those alone; otherwise the tenant's count. */
export function storeElseTenant(configs: readonly CandidateConfig[]): Candidates {
  const byChannel = Map.groupBy(configs, (config) => config.channelType)
  return new Map(
    [...byChannel].map(([channelType, all]) => {
      const ofStore = all.filter((config) => config.storeId !== null)
      return [channelType, ofStore.length > 0 ? ofStore : all]
    }),
  )
}

function rateLimitOf(row: RowDataPacket): CandidateConfig['rateLimit'] {
  return { count: row.rate_limit_count, windowMs: rateLimitWindowMs(row.rate_limit_window, row.rate_limit_unit) }
}

function toCandidate(row: RowDataPacket): CandidateConfig {
  return {
    id: row.id,
    tenantId: row.tenant_id,
    storeId: row.store_id,
    channelType: row.channel_type,
    channelName: row.channel_name,
    configJson: row.config_json,
    priority: row.priority,
    rateLimit: rateLimitOf(row),
    timeWindow: row.time_window_enabled
      ? { startHour: row.time_window_start_hour, endHour: row.time_window_end_hour, policy: row.time_window_policy }
      : null,
    overflowPolicy: row.overflow_policy,
    monthlyQuota: row.monthly_quota,
    unknownOutcomePolicy: row.unknown_outcome_policy,
    retry: { max: row.retry_max, initialDelayMs: row.retry_initial_delay_ms },
  }
}
