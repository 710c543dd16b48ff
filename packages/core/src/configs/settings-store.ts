import type { Pool, RowDataPacket } from 'mysql2/promise'
import { AppError } from '../contracts/errors.ts'
import { compileValidator } from '../contracts/validator.ts'
import { SETTINGS, type SettingDefinition } from '../settings/definitions.ts'
import type { Env } from '../settings/env.ts'
import { PLATFORM_TENANT } from './invalidation.ts'

/** A setting as `/api/system-configs` answers it. */
export interface SettingAnswer {
  key: string
  value: unknown
  defaultValue: unknown
  source: 'default' | 'platform' | 'tenant'
  description: string
}

export type SettingsStore = ReturnType<typeof createSettingsStore>

const definitions: Record<string, SettingDefinition> = SETTINGS
const validators = new Map(Object.entries(definitions).map(([key, { schema }]) => [key, compileValidator(schema)]))

/** The dynamic settings: a tenant's own, over the platform's, over the defaults. */
export function createSettingsStore(deps: { pool: Pool; env: Env; onChange(tenantId: string): Promise<void> }) {
  const { pool, env } = deps

  async function stored(tenantId: string): Promise<Map<string, { tenantId: string; value: unknown }>> {
    const [rows] = await pool.query<RowDataPacket[]>(
      'SELECT tenant_id, config_key, config_value FROM msg_system_config WHERE tenant_id IN (?, ?) ORDER BY tenant_id = ?',
      [PLATFORM_TENANT, tenantId, tenantId],
    )
    return new Map(
      rows.map((row) => [row.config_key, { tenantId: String(row.tenant_id), value: JSON.parse(row.config_value) }]),
    )
  }

  function toAnswer(key: string, entry: { tenantId: string; value: unknown } | undefined): SettingAnswer {
    const definition = definitionOf(key)
    const defaultValue = definition.fallback(env)
    const source = !entry ? 'default' : entry.tenantId === PLATFORM_TENANT ? 'platform' : 'tenant'
    return { key, value: entry ? entry.value : defaultValue, defaultValue, source, description: definition.description }
  }

  async function get(tenantId: string, key: string): Promise<SettingAnswer> {
    definitionOf(key)
    return toAnswer(key, (await stored(tenantId)).get(key))
  }

  return {
    get,
    async list(tenantId: string): Promise<SettingAnswer[]> {
      const entries = await stored(tenantId)
      return Object.keys(definitions).map((key) => toAnswer(key, entries.get(key)))
    },
    /** Whether only the platform may change it, for all tenants. */
    isPlatformWide: (key: string): boolean => definitionOf(key).scope === 'platform',
    async set(tenantId: string, key: string, value: unknown, updatedBy: string): Promise<SettingAnswer> {
      definitionOf(key)
      const [fault] = validators.get(key)?.(value) ?? []
      if (fault)
        throw new AppError('VALIDATION_FAILED', `value ${fault.message}`, {
          details: [{ path: 'value', message: fault.message }],
        })
      await pool.query(
        `INSERT INTO msg_system_config (tenant_id, config_key, config_value, updated_by) VALUES (?, ?, ?, ?)
         ON DUPLICATE KEY UPDATE config_value = VALUES(config_value), updated_by = VALUES(updated_by)`,
        [tenantId, key, JSON.stringify(value), updatedBy],
      )
      await deps.onChange(tenantId)
      return get(tenantId, key)
    },
    async reset(tenantId: string, key: string): Promise<SettingAnswer> {
      definitionOf(key)
      await pool.query('DELETE FROM msg_system_config WHERE tenant_id = ? AND config_key = ?', [tenantId, key])
      await deps.onChange(tenantId)
      return get(tenantId, key)
    },
  }
}

function definitionOf(key: string): SettingDefinition {
  const definition = Object.hasOwn(definitions, key) ? definitions[key] : undefined
  if (!definition) throw new AppError('NOT_FOUND', `there is no system config '${key}'`)
  return definition
}
