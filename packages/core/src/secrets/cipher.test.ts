import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createCipher } from './cipher.ts'

const keyOf = (kid: string) => ({ kid, key: randomBytes(32) })
const [first, second] = [keyOf('first'), keyOf('second')]
const cipher = createCipher([first, second])

test('any text comes back, where it belongs', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (text, binding) => {
      expect(cipher.decrypt(cipher.encrypt(text, binding), binding)).toBe(text)
    }),
  )
})

test('a value moved to another row, tenant or table does not decrypt', () => {
  const value = cipher.encrypt('secret', 'msg_channel_config/1/7')
  for (const binding of ['msg_channel_config/1/8', 'msg_channel_config/2/7', 'msg_client/1/7', '']) {
    expect(() => cipher.decrypt(value, binding)).toThrow()
  }
})

test('a value of which any one character was changed does not decrypt', () => {
  const value = cipher.encrypt('secret', 'row')
  const start = value.lastIndexOf('.') + 1
  for (let at = start; at < value.length; at++) {
    const changed = `${value.slice(0, at)}${value[at] === 'A' ? 'B' : 'A'}${value.slice(at + 1)}`
    // The last character's low bits may be padding, which carries nothing.
    if (Buffer.from(changed.slice(start), 'base64url').equals(Buffer.from(value.slice(start), 'base64url'))) continue
    expect(() => cipher.decrypt(changed, 'row')).toThrow()
  }
})

test('a value cut short, or none at all, does not decrypt', () => {
  const value = cipher.encrypt('secret', 'row')
  for (const cut of [
    '',
    'v1',
    'v1.first',
    'v1.first.',
    value.slice(0, -10),
    value.slice(0, 30),
    'plain text',
    '{"a":1}',
    value.replace('v1', 'v2'),
  ]) {
    expect(() => cipher.decrypt(cut, 'row')).toThrow()
  }
})

test('the same text never looks the same twice, and does not show', () => {
  const values = Array.from({ length: 50 }, () => cipher.encrypt('secret', 'row'))
  expect(new Set(values).size).toBe(50)
  for (const value of values) {
    expect(value).toMatch(/^v1\.first\.[A-Za-z0-9_-]+$/)
    expect(Buffer.from(value.split('.')[2] ?? '', 'base64url').includes('secret')).toBe(false)
  }
})

test('the first key encrypts, all decrypt; a key that is gone is named', () => {
  const old = createCipher([second]).encrypt('secret', 'row')
  expect(cipher.keyIdOf(old)).toBe('second')
  expect(cipher.decrypt(old, 'row')).toBe('secret')
  expect(cipher.keyIdOf(cipher.encrypt('x', 'row'))).toBe('first')
  expect(() => createCipher([first]).decrypt(old, 'row')).toThrow("'second'")
})

test('a key of the same id with other bytes does not decrypt; no key at all is refused', () => {
  const value = cipher.encrypt('secret', 'row')
  expect(() => createCipher([keyOf('first')]).decrypt(value, 'row')).toThrow()
  expect(() => createCipher([])).toThrow()
})
