import type { RowDataPacket } from 'mysql2'
import type { Pool } from 'mysql2/promise'
import { PLATFORM_TENANT } from '../contracts/caller.ts'
import type { NacosSettings } from '../nacos/nacos-settings.ts'
import { SETTINGS, type Settings } from '../settings/definitions.ts'
import type { Env } from '../settings/env.ts'
import { createTenantCache } from './tenant-cache.ts'
import type { ConfigChanges } from './watch-changes.ts'

/** Resolved dynamic settings of a tenant: its own value, else the platform's, else the default. */
export type SettingsSource = (tenantId: string) => Promise<Settings>

/** @param nacos stands in for the defaults, where there is one; `changes` must tell of it (follow-nacos.ts) */
export function createSettingsSource(
  pool: Pool,
  env: Env,
  changes: ConfigChanges,
  nacos?: Pick<NacosSettings, 'values'>,
): SettingsSource {
  const defaults = Object.fromEntries(Object.entries(SETTINGS).map(([key, setting]) => [key, setting.fallback(env)]))
  const cache = createTenantCache<Settings>(async (tenantId) => {
    const [rows] = await pool.query<RowDataPacket[]>(
      // The platform's rows come first, so that the tenant's own replace them.
      'SELECT config_key, config_value FROM msg_system_config WHERE tenant_id IN (?, ?) ORDER BY tenant_id = ?',
      [PLATFORM_TENANT, tenantId, tenantId],
    )
    const stored = rows.map((row) => [row.config_key, JSON.parse(row.config_value)])
    return { ...defaults, ...nacos?.values(), ...Object.fromEntries(stored) } as Settings
  }, changes)
  return (tenantId) => cache(tenantId, '')
}
