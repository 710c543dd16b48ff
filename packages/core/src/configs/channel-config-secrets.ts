import { isDeepStrictEqual } from 'node:util'
import { invalidField } from '../contracts/errors.ts'
import type { ChannelConfigRow } from '../schema/channel-configs.ts'
import { type Cipher, CipherError } from '../secrets/cipher.ts'

/** What answers, logs and traces show in place of a secret. */
export const MASK = '******'

type Settings = Record<string, unknown>
type RowIdentity = Pick<ChannelConfigRow, 'id' | 'tenantId'>
type SealedRow = RowIdentity & Pick<ChannelConfigRow, 'configJson'>

/** A config's ciphertext works in its own row only: swapped between rows or tenants it does not decrypt. */
export function bindingOf({ id, tenantId }: RowIdentity): string {
  return `msg_channel_config/${tenantId}/${id}`
}

/** The value of the `config_json` column. */
export function sealSettings(cipher: Cipher, row: RowIdentity, settings: Settings): string {
  return cipher.encrypt(JSON.stringify(settings), bindingOf(row))
}

/** What rows in memory have been found to hold: each send asks, and decrypting costs as much as the rest of it. */
const opened = new WeakMap<SealedRow, { cipher: Cipher; configJson: string; settings: Settings }>()

/**
 * The settings in a `config_json` column; the same object for the same row.
 * @throws CipherError where they cannot be decrypted
 */
export function openSettings(cipher: Cipher, row: SealedRow): Settings {
  const known = opened.get(row)
  if (known?.cipher === cipher && known.configJson === row.configJson) return known.settings
  const settings = Object.freeze(JSON.parse(cipher.decrypt(row.configJson, bindingOf(row))) as Settings)
  opened.set(row, { cipher, configJson: row.configJson, settings })
  return settings
}

/** Likewise; no settings at all where their key is lost, so that they can be replaced by new ones. */
export function openIfPossible(cipher: Cipher, row: SealedRow): Settings {
  try {
    return openSettings(cipher, row)
  } catch (error) {
    if (error instanceof CipherError) return {}
    throw error
  }
}

/** A copy with the secret fields masked. */
export function maskSettings(settings: Settings, secretFields: readonly string[]): Settings {
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [key, secretFields.includes(key) ? MASK : value]),
  )
}

/**
 * A copy in which masked secrets are the stored ones again: what a client read and sends back unchanged.
 * @throws AppError VALIDATION_FAILED where a stored secret would go to another place than it was given for
 */
export function unmaskSettings(settings: Settings, stored: Settings, secretFields: readonly string[]): Settings {
  const isKept = (key: string) => settings[key] === MASK && secretFields.includes(key) && key in stored
  const kept = Object.keys(settings).find(isKept)
  if (kept !== undefined) refuseOtherPlace(kept, settings, stored, secretFields)
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, isKept(key) ? stored[key] : value]))
}

/**
 * Who may write a config may not read its secrets. So none is kept beside another address: it would be sent to whoever
 * named that one. Adapters have fields that are not known here; what looks as if it could name a place counts.
 */
function refuseOtherPlace(kept: string, settings: Settings, stored: Settings, secretFields: readonly string[]): void {
  const fields = new Set([...Object.keys(settings), ...Object.keys(stored)])
  for (const field of fields) {
    const [before, after] = [stored[field], settings[field]]
    if (secretFields.includes(field) || isDeepStrictEqual(before, after)) continue
    if (field !== 'mode' && !mayNameAPlace(before) && !mayNameAPlace(after)) continue
    throw invalidField(
      `configJson.${kept}`,
      `is '${MASK}', but a stored secret is not kept where configJson.${field} changes: give it again`,
    )
  }
}

function mayNameAPlace(value: unknown): boolean {
  if (typeof value === 'string') return /[.:/]/.test(value)
  return typeof value === 'object' && value !== null && Object.values(value).some(mayNameAPlace)
}

/** Shorter parts of a URL's path are words, not credentials. */
const SHORTEST_PATH_CREDENTIAL = 16

/** The secrets in settings as they may turn up in a text: the values, and what URLs among them carry. */
export function secretsIn(settings: Settings, secretFields: readonly string[]): string[] {
  const values = secretFields.map((field) => settings[field]).filter((value) => typeof value === 'string')
  return values.flatMap((value) => [value, ...credentialsInUrl(value)])
}

function credentialsInUrl(text: string): string[] {
  if (!URL.canParse(text)) return []
  const { pathname, searchParams } = new URL(text)
  const segments = pathname.split('/').filter((segment) => segment.length >= SHORTEST_PATH_CREDENTIAL)
  return [...segments, ...searchParams.values()]
}
