import type { ChannelConfigRow } from '../schema/channel-configs.ts'
import type { Cipher } from '../secrets/cipher.ts'

/** What answers, logs and traces show in place of a secret. */
export const MASK = '******'

type Settings = Record<string, unknown>
type RowIdentity = Pick<ChannelConfigRow, 'id' | 'tenantId'>

/** A config's ciphertext works in its own row only: swapped between rows or tenants it does not decrypt. */
function bindingOf({ id, tenantId }: RowIdentity): string {
  return `msg_channel_config/${tenantId}/${id}`
}

/** The value of the `config_json` column. */
export function sealSettings(cipher: Cipher, row: RowIdentity, settings: Settings): string {
  return cipher.encrypt(JSON.stringify(settings), bindingOf(row))
}

/**
 * The settings in a `config_json` column.
 * @throws Error where they cannot be decrypted
 */
export function openSettings(cipher: Cipher, row: RowIdentity & Pick<ChannelConfigRow, 'configJson'>): Settings {
  return JSON.parse(cipher.decrypt(row.configJson, bindingOf(row))) as Settings
}

/** A copy with the secret fields masked. */
export function maskSettings(settings: Settings, secretFields: readonly string[]): Settings {
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [key, secretFields.includes(key) ? MASK : value]),
  )
}

/** A copy in which masked secrets are the stored ones again: what a client read and sends back unchanged. */
export function unmaskSettings(settings: Settings, stored: Settings, secretFields: readonly string[]): Settings {
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [
      key,
      value === MASK && secretFields.includes(key) && key in stored ? stored[key] : value,
    ]),
  )
}
