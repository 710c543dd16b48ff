import { randomBytes } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { type Cipher, CipherError, createCipher } from '../secrets/cipher.ts'
import { openSettings, sealSettings } from './channel-config-secrets.ts'

const identity = { id: '7', tenantId: '1' }

function newCipher(): Cipher {
  return createCipher([{ kid: 'k1', key: randomBytes(32) }])
}

test('a row is decrypted once, and anew when its value has changed', () => {
  const cipher = newCipher()
  const decrypt = vi.spyOn(cipher, 'decrypt')
  const row = { ...identity, configJson: sealSettings(cipher, identity, { accessToken: 'a' }) }
  expect(openSettings(cipher, row)).toEqual({ accessToken: 'a' })
  expect(openSettings(cipher, row)).toEqual({ accessToken: 'a' })
  expect(decrypt).toHaveBeenCalledTimes(1)
  row.configJson = sealSettings(cipher, identity, { accessToken: 'b' })
  expect(openSettings(cipher, row)).toEqual({ accessToken: 'b' })
})

test('who has another key is refused, whoever has opened the row before', () => {
  const cipher = newCipher()
  const row = { ...identity, configJson: sealSettings(cipher, identity, { accessToken: 'a' }) }
  openSettings(cipher, row)
  expect(() => openSettings(newCipher(), row)).toThrow(CipherError)
})

test('what several sends share cannot be changed by one of them', () => {
  const cipher = newCipher()
  const row = { ...identity, configJson: sealSettings(cipher, identity, { accessToken: 'a' }) }
  const settings = openSettings(cipher, row)
  expect(() => Object.assign(settings, { accessToken: 'b' })).toThrow(TypeError)
})
