import fc from 'fast-check'
import { expect, it } from 'vitest'
import { byteLength, charLength, list, object, text, url } from './shape.ts'

const web = url({ schemes: ['http', 'https'] })

it('accepts every web url that a URL object writes, and none with a space in it', () => {
  fc.assert(
    fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (address) => {
      expect(web(address, 'u')).toBeUndefined()
      expect(web(`${address} x`, 'u')).toMatchObject({ rule: 'url' })
      expect(web(address.replace(/^https?/, 'ftp'), 'u')).toMatchObject({ rule: 'url' })
    }),
  )
})

it('counts bytes and characters as they are', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (value) => {
      const [bytes, chars] = [byteLength(value), charLength(value)]
      expect(text({ maxBytes: bytes, maxChars: chars })(value, 't')).toBeUndefined()
      expect(text({ maxBytes: bytes - 1 })(value, 't')).toEqual({ rule: 'tooLong', path: 't', limit: bytes - 1 })
      expect(text({ maxChars: chars - 1 })(value, 't')).toMatchObject({ rule: 'tooLong' })
    }),
  )
})

it('names the path of what is wrong deep inside', () => {
  const check = object({ required: { items: list(object({ required: { name: text() } }), { min: 1, max: 2 }) } })
  expect(check({ items: [{ name: 'a' }, { name: 5 }] }, 'body')).toEqual({ rule: 'type', path: 'body.items[1].name' })
  expect(check({ items: [{ name: 'a', nom: 'b' }] }, '')).toEqual({ rule: 'unknown', path: 'items[0].nom' })
  expect(check({}, '')).toEqual({ rule: 'missing', path: 'items' })
  expect(check({ items: [] }, '')).toEqual({ rule: 'empty', path: 'items' })
  expect(check({ items: [1, 2, 3] }, '')).toEqual({ rule: 'tooMany', path: 'items', limit: 2 })
  expect(check(JSON.parse('{"items":[{"name":"a","__proto__":1}]}'), '')).toMatchObject({ rule: 'unknown' })
})
