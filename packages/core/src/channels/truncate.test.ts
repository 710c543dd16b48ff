import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fitText, truncate } from './truncate.ts'

const bytes = (text: string): number => Buffer.byteLength(text)
const jsonBytes = (text: string): number => Buffer.byteLength(JSON.stringify({ text }))
const graphemesOf = (text: string): string[] =>
  [...new Intl.Segmenter('zh', { granularity: 'grapheme' }).segment(text)].map(({ segment }) => segment)

/** Text rich in what can be cut wrongly: surrogate pairs, joined emoji, combining marks, JSON escapes, lone surrogates. */
const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.string({ unit: 'binary' }),
      fc.constantFrom('👨‍👩‍👧‍👦', '🇨🇳', 'é', '中', '"', '\\', '\n', '\u0001', '\ud83d', '\udc00', 'क्षि', '\r\n'),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''))

describe('truncate', () => {
  test.each([
    ['UTF-8 bytes', bytes],
    ['bytes in a JSON body', jsonBytes],
  ])('keeps what fits, else gives the longest beginning of whole graphemes that fits, by %s', (_, size) => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 0, max: 300 }), (text, max) => {
        const fits = (candidate: string): boolean => size(candidate) <= max
        const result = truncate(text, fits)
        const graphemes = graphemesOf(text)
        const candidates = graphemes.map((_, count) => `${graphemes.slice(0, count).join('')}…`)
        expect(result).toBe(fits(text) ? text : candidates.findLast(fits))
      }),
      { numRuns: 500 },
    )
  })

  test('a text of 200 KB is cut in a few steps', () => {
    let asked = 0
    const result = truncate('汉字'.repeat(35_000), (candidate) => {
      asked += 1
      return bytes(candidate) <= 4096
    })
    expect(bytes(result ?? '')).toBe(4096 - ((4096 - 3) % 3))
    expect(asked).toBeLessThan(25)
  })
})

describe('fitText', () => {
  const limit = { field: 'text.content', maxBytes: 10, size: bytes }

  test('a text of exactly the limit stays as it is', () => {
    expect(fitText('1234567890', limit, 'reject')).toBe('1234567890')
    expect(fitText('1234567890', limit, 'truncate')).toBe('1234567890')
  })

  test('one byte more: refused with size and limit, or cut', () => {
    expect(() => fitText('12345678901', limit, 'reject')).toThrow(
      expect.objectContaining({
        errorClass: 'PERMANENT',
        code: 'CONTENT_TOO_LONG',
        message: 'text.content has 11 bytes, the provider takes 10',
      }),
    )
    expect(fitText('12345678901', limit, 'truncate')).toBe('1234567…')
  })

  test('refused even so where the rest alone is too long', () => {
    const full = { ...limit, size: (text: string) => 8 + bytes(text) }
    expect(() => fitText('abc', full, 'truncate')).toThrow(expect.objectContaining({ code: 'CONTENT_TOO_LONG' }))
  })
})
