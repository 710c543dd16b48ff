import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isNestedDeeperThan } from '../templates/lossless-json.ts'
import { businessDataColumns } from './business-data-columns.ts'

const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`

test('plain data is stored as it is, once', () => {
  for (const text of ['{}', '{"a":[1,2.5,"x"],"b":{"c":null}}', nested(31), `{"a":[${'{},'.repeat(50)}{}]}`]) {
    expect(businessDataColumns(text)).toEqual({ json: text, exactText: null })
  }
})

test('data with a number that JSON columns would change is kept as text besides', () => {
  const text = '{"a":1234567890123456789,"b":99.00,"c":1e400,"d":-0}'
  expect(businessDataColumns(text)).toEqual({
    json: '{"a":1234567890123456800,"b":99,"c":null,"d":0}',
    exactText: text,
  })
})

test('what lies below the 31st level is null in the JSON column, and in the text', () => {
  const { json, exactText } = businessDataColumns(nested(32))
  expect(exactText).toBe(nested(32))
  expect(json).toBe(`{"a":${'['.repeat(30)}null${']'.repeat(30)}}`)
})

test('any data: the JSON column is never nested deeper than 31, and the text is given where the column differs', () => {
  const level = fc.constantFrom('[#]', '{"k":#}', '[1,#]', '{"a":"[[{","k":#}')
  fc.assert(
    fc.property(fc.array(level, { maxLength: 40 }), fc.jsonValue(), (levels, leaf) => {
      const text = levels.reduce((inner, outer) => outer.replace('#', () => inner), JSON.stringify(leaf))
      const { json, exactText } = businessDataColumns(text)
      expect(isNestedDeeperThan(JSON.parse(json), 31)).toBe(false)
      expect(exactText ?? json).toBe(text)
    }),
  )
})
