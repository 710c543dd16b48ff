import type { ChannelRegistry } from '../channels/registry.ts'
import type { StoredChannelConfig } from '../contracts/channel-configs.ts'
import type { ChannelConfigRow } from '../schema/channel-configs.ts'
import { type Cipher, CipherError } from '../secrets/cipher.ts'
import { maskSettings, openSettings } from './channel-config-secrets.ts'

/**
 * A config as the API answers it, secrets masked; without what changes by itself.
 * @throws CipherError where the settings cannot be decrypted
 */
export function toAnswer(
  row: ChannelConfigRow,
  registry: ChannelRegistry,
  cipher: Cipher,
): Omit<StoredChannelConfig, 'quota'> {
  const secretFields = registry.get(row.channelType)?.adapter.secretFields
  const settings = openSettings(cipher, row)
  const { retryMax, retryInitialDelayMs, version: _, ...columns } = row
  return {
    ...columns,
    // Without its adapter nobody knows which fields are secret: then all are.
    configJson: maskSettings(settings, secretFields ?? Object.keys(settings)),
    enabled: row.enabled === 1,
    timeWindowEnabled: row.timeWindowEnabled === 1,
    retry:
      retryMax === null || retryInitialDelayMs === null ? null : { max: retryMax, initialDelayMs: retryInitialDelayMs },
    createTime: row.createTime.toISOString(),
    updateTime: row.updateTime.toISOString(),
  }
}

/** Likewise for the audit trail, also where the key to the settings is lost. */
export function toAudited(row: ChannelConfigRow, registry: ChannelRegistry, cipher: Cipher): object {
  try {
    return toAnswer(row, registry, cipher)
  } catch (error) {
    if (!(error instanceof CipherError)) throw error
    const { configJson: _, version: __, ...columns } = row
    return { ...columns, configJson: null }
  }
}
