import type { CallbackSecretRow } from '../schema/callback-secrets.ts'
import type { Cipher } from '../secrets/cipher.ts'

type RowIdentity = Pick<CallbackSecretRow, 'id' | 'tenantId'>

/** A secret's ciphertext works in its own row only: swapped between rows or tenants it does not decrypt. */
export function secretBinding({ id, tenantId }: RowIdentity): string {
  return `msg_callback_secret/${tenantId}/${id}`
}

/** The value of the `secret` column. */
export function sealSecret(cipher: Cipher, row: RowIdentity, secret: string): string {
  return cipher.encrypt(secret, secretBinding(row))
}

/**
 * The secret in a `secret` column.
 * @throws CipherError where it cannot be decrypted
 */
export function openSecret(cipher: Cipher, row: RowIdentity & Pick<CallbackSecretRow, 'secret'>): string {
  return cipher.decrypt(row.secret, secretBinding(row))
}
