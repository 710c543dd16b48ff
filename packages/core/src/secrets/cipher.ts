import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { EncryptionKey } from '../settings/env.ts'

const ALGORITHM = 'aes-256-gcm'
const IV_BYTES = 12 // NIST SP 800-38D, 5.2.1.1
const TAG_BYTES = 16

/** A value that cannot be decrypted: its key is unknown, or it was changed or moved. */
export class CipherError extends Error {
  override readonly name = 'CipherError'
}

/** Encrypts with the first key, decrypts with any; values name their key. */
export interface Cipher {
  /** @param binding where the value belongs (table, tenant, row …): decrypting it elsewhere fails */
  encrypt(plain: string, binding: string): string
  /** @throws CipherError */
  decrypt(value: string, binding: string): string
  /**
   * Id of the key that encrypted a value.
   * @throws CipherError
   */
  keyIdOf(value: string): string
}

/**
 * AES-256-GCM with the key's id in the value: `v1.<kid>.<base64url of iv + tag + ciphertext>`.
 * @param keys at least one; the first encrypts
 */
export function createCipher(keys: readonly EncryptionKey[]): Cipher {
  const [current] = keys
  if (!current) throw new Error('no encryption key')
  const byId = new Map(keys.map(({ kid, key }) => [kid, key]))
  return {
    encrypt(plain, binding) {
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv(ALGORITHM, current.key, iv).setAAD(Buffer.from(binding))
      const encrypted = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
      return `v1.${current.kid}.${Buffer.concat([iv, cipher.getAuthTag(), encrypted]).toString('base64url')}`
    },
    decrypt(value, binding) {
      const kid = this.keyIdOf(value)
      const key = byId.get(kid)
      if (!key) throw new CipherError(`CONFIG_ENCRYPTION_KEYS holds no key '${kid}'`)
      const raw = Buffer.from(value.slice(value.lastIndexOf('.') + 1), 'base64url')
      try {
        const decipher = createDecipheriv(ALGORITHM, key, raw.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
          .setAAD(Buffer.from(binding))
          .setAuthTag(raw.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
        return Buffer.concat([decipher.update(raw.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8')
      } catch (error) {
        throw new CipherError('a value was changed, or belongs elsewhere', { cause: error })
      }
    },
    keyIdOf(value) {
      const [version, kid] = value.split('.')
      if (version !== 'v1' || !kid) throw new CipherError('not an encrypted value')
      return kid
    },
  }
}
