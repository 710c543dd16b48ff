import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isNestedDeeperThan, needsLossless, parseLossless } from './lossless-json.ts'

const digits = (max: number) => fc.stringMatching(new RegExp(`^[0-9]{1,${max}}$`))
/** Any number that JSON's grammar allows, as text. */
const jsonNumber = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.oneof(fc.constant('0'), fc.stringMatching(/^[1-9][0-9]{0,24}$/)),
    fc.option(digits(24), { nil: undefined }),
    fc.option(fc.tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), digits(3)), { nil: undefined }),
  )
  .map(([sign, integer, fraction, exponent]) =>
    [sign, integer, fraction === undefined ? '' : `.${fraction}`, exponent?.join('') ?? ''].join(''),
  )
const jsonDocument = jsonNumber.chain((number) =>
  fc.constantFrom(
    number,
    ` ${number}`,
    `[${number}]`,
    `[1,${number}]`,
    `{"a":${number}}`,
    `{"a":{"b":[null,\n${number} ]}}`,
  ),
)

describe('parseLossless', () => {
  it('keeps the digits of every number there is', () => {
    fc.assert(
      fc.property(jsonDocument, (text) => {
        expect(JSON.stringify(parseLossless(text))).toBe(text.replace(/\s/g, ''))
      }),
      { numRuns: 2000 },
    )
  })

  it('agrees with JSON.parse where no digits are at stake', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        fc.pre(!/__proto__|constructor/.test(text))
        expect(JSON.parse(JSON.stringify(parseLossless(text)))).toEqual(JSON.parse(text))
      }),
    )
  })

  it('leaves ordinary numbers plain numbers, beside one that is not', () => {
    expect(parseLossless('{"n":1,"price":9.5,"no":1234567890123456789}')).toEqual({
      n: 1,
      price: 9.5,
      no: JSON.rawJSON('1234567890123456789'),
    })
  })

  it('takes a byte order mark, with and without long numbers', () => {
    expect(parseLossless('\uFEFF{"a":1}')).toEqual({ a: 1 })
    expect(JSON.stringify(parseLossless('\uFEFF{"a":1.0}'))).toBe('{"a":1.0}')
  })

  it.each([
    '{"__proto__":{"x":1}}',
    '{"a":1.00,"__proto__":{"x":1}}',
    '{"a":[{"\\u005f_proto__":1}]}',
    '{"constructor":{"prototype":{"x":1}}}',
    '{"a":1e5,"constructor":{"prototype":{"x":1}}}',
  ])('refuses prototype keys: %s', (text) => {
    expect(() => parseLossless(text)).toThrow(SyntaxError)
  })

  it('takes a harmless constructor key', () => {
    expect(parseLossless('{"constructor":"Zaha Hadid"}')).toEqual({ constructor: 'Zaha Hadid' })
  })

  it.each(['', '{', '{"a":01}', '[1.00,]', '{"a":.5}'])('refuses what is not JSON: %j', (text) => {
    expect(() => parseLossless(text)).toThrow(SyntaxError)
  })

  it('refuses hostile nesting instead of overflowing the stack', () => {
    const hostile = `${'['.repeat(100_000)}1.00${']'.repeat(100_000)}`
    expect(() => parseLossless(hostile)).toThrow('nested deeper')
    const deep = `${'['.repeat(200)}1.00${']'.repeat(200)}`
    expect(JSON.stringify(parseLossless(deep))).toBe(deep)
  })
})

describe('needsLossless', () => {
  it.each([
    '[1234567890123456]',
    '{"a":99.00}',
    '{"a": -0}',
    '[1,1e400]',
    '[2E+3]',
    '0.0000001',
    '[-0.0]',
    '12345678.123456789',
  ])('says yes to %s', (text) => expect(needsLossless(text)).toBe(true))

  it.each([
    '{"a":1,"b":99.5,"c":-1.05,"d":1700000000000,"e":0,"f":100}',
    '{"orderNo":"1234567890123456789","price":"99.00"}',
    '{"id":"3e4f5a60-1e40-4e11-8e22-0000000000001e23"}',
    '{"at":"2024-05-01T10:00:00.000Z"}',
  ])('says no to %s', (text) => expect(needsLossless(text)).toBe(false))
})

describe('isNestedDeeperThan', () => {
  it.each([
    [1, 0, false],
    [{}, 0, true],
    [{ a: 1 }, 1, false],
    [{ a: [] }, 1, true],
    [{ a: [{ b: null }] }, 3, false],
    [{ x: 1, a: [{ b: {} }] }, 3, true],
    [{ a: JSON.rawJSON('1.00') }, 1, false],
  ])('%j beyond %i: %s', (value, limit, expected) => {
    expect(isNestedDeeperThan(value, limit)).toBe(expected)
  })

  it('survives hostile nesting', () => {
    const hostile: unknown = JSON.parse(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`)
    expect(isNestedDeeperThan(hostile, 32)).toBe(true)
  })
})
