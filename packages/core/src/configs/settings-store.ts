import { createHash } from 'node:crypto'
import type { Connection, Pool, RowDataPacket } from 'mysql2/promise'
import { recordChange } from '../audit/record-change.ts'
import { PLATFORM_TENANT } from '../contracts/caller.ts'
import { AppError } from '../contracts/errors.ts'
import type { Setting } from '../contracts/settings.ts'
import { compileValidator } from '../contracts/validator.ts'
import type { NacosSettings } from '../nacos/nacos-settings.ts'
import { SETTINGS, type SettingDefinition } from '../settings/definitions.ts'
import type { Env } from '../settings/env.ts'
import { type ChangeCall, changeConfigs } from './change.ts'
import { checkIfMatch, type Tagged } from './etag.ts'

export type SettingsStore = ReturnType<typeof createSettingsStore>

type StoredValues = Map<string, { tenantId: string; value: unknown }>

const definitions: Record<string, SettingDefinition> = SETTINGS
const validators = new Map(Object.entries(definitions).map(([key, { schema }]) => [key, compileValidator(schema)]))
const MAX_UPDATED_BY = 128

/** The dynamic settings: a tenant's own, over the platform's, over the defaults, which Nacos may hold. */
export function createSettingsStore(deps: { pool: Pool; env: Env; nacos?: Pick<NacosSettings, 'values'> | undefined }) {
  const { pool, env, nacos } = deps

  function toAnswer(key: string, stored: StoredValues): Setting {
    const definition = definitionOf(key)
    const entry = stored.get(key)
    const defaultValue = nacos?.values()[key] ?? definition.fallback(env)
    const source = !entry ? 'default' : entry.tenantId === PLATFORM_TENANT ? 'platform' : 'tenant'
    return { key, value: entry ? entry.value : defaultValue, defaultValue, source, description: definition.description }
  }

  /** Makes a change to one setting in a transaction, with its audit entry. */
  function change(
    { tenantId, actor, ifMatch }: ChangeCall,
    key: string,
    write: (connection: Connection) => Promise<unknown>,
  ): Promise<Tagged<Setting>> {
    return changeConfigs(pool, tenantId, async ({ connection }) => {
      const before = await storedValues(connection, tenantId)
      checkIfMatch(ifMatch, tagged(toAnswer(key, before)).etag)
      await write(connection)
      const after = await storedValues(connection, tenantId)
      const [wasSet, isSet] = [before, after].map((stored) => stored.get(key)?.tenantId === tenantId)
      if (!wasSet && !isSet) return tagged(toAnswer(key, after))
      await recordChange(connection, actor, {
        tenantId,
        action: isSet ? (wasSet ? 'UPDATE' : 'CREATE') : 'DELETE',
        objectType: 'SYSTEM_CONFIG',
        objectId: key,
        before: audited(toAnswer(key, before)),
        after: audited(toAnswer(key, after)),
      })
      return tagged(toAnswer(key, after))
    })
  }

  return {
    async get(tenantId: string, key: string): Promise<Tagged<Setting>> {
      definitionOf(key)
      return tagged(toAnswer(key, await storedValues(pool, tenantId)))
    },
    async list(tenantId: string): Promise<Setting[]> {
      const stored = await storedValues(pool, tenantId)
      return Object.keys(definitions).map((key) => toAnswer(key, stored))
    },
    /** Whether only the platform may change it, for all tenants. */
    isPlatformWide: (key: string): boolean => definitionOf(key).scope === 'platform',
    /** Whether only the platform may set it, for whomever. */
    isSetByPlatform: (key: string): boolean => definitionOf(key).setBy === 'platform',
    /** @throws AppError VALIDATION_FAILED, or PRECONDITION_FAILED where `ifMatch` is not of what would be replaced */
    async set(call: ChangeCall, key: string, value: unknown): Promise<Tagged<Setting>> {
      definitionOf(key)
      checkValue(key, value)
      return change(call, key, (connection) =>
        connection.query(
          `INSERT INTO msg_system_config (tenant_id, config_key, config_value, updated_by) VALUES (?)
           ON DUPLICATE KEY UPDATE config_value = VALUES(config_value), updated_by = VALUES(updated_by)`,
          [[call.tenantId, key, JSON.stringify(value), call.actor.subject.slice(0, MAX_UPDATED_BY)]],
        ),
      )
    },
    /** Takes away the tenant's own value. @throws AppError PRECONDITION_FAILED likewise */
    async reset(call: ChangeCall, key: string): Promise<Tagged<Setting>> {
      definitionOf(key)
      return change(call, key, (connection) =>
        connection.query('DELETE FROM msg_system_config WHERE tenant_id = ? AND config_key = ?', [call.tenantId, key]),
      )
    },
  }
}

async function storedValues(connection: Pick<Connection, 'query'>, tenantId: string): Promise<StoredValues> {
  const [rows] = await connection.query<RowDataPacket[]>(
    // The platform's rows come first, so that the tenant's own replace them.
    'SELECT tenant_id, config_key, config_value FROM msg_system_config WHERE tenant_id IN (?, ?) ORDER BY tenant_id = ?',
    [PLATFORM_TENANT, tenantId, tenantId],
  )
  return new Map(
    rows.map((row) => [row.config_key, { tenantId: String(row.tenant_id), value: JSON.parse(row.config_value) }]),
  )
}

function definitionOf(key: string): SettingDefinition {
  const definition = Object.hasOwn(definitions, key) ? definitions[key] : undefined
  if (!definition) throw new AppError('NOT_FOUND', `there is no system config '${key}'`)
  return definition
}

function checkValue(key: string, value: unknown): void {
  const details = (validators.get(key)?.(value) ?? []).map((fault) => ({ ...fault, path: 'value' }))
  const [first] = details
  if (first) throw new AppError('VALIDATION_FAILED', `value ${first.message}`, { details })
}

/** A setting that nobody set has no row and so no version; what it shows tells its states apart. */
function tagged(setting: Setting): Tagged<Setting> {
  const digest = createHash('sha256').update(JSON.stringify(setting)).digest('base64url')
  return { object: setting, etag: `"${digest.slice(0, 22)}"` }
}

function audited({ value, source }: Setting) {
  return { value, source }
}
