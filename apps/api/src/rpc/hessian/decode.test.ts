import { AppError } from '@message-center/core/contracts/errors.ts'
import fc from 'fast-check'
import hessian from 'hessian.js'
import { describe, expect, test } from 'vitest'
import { decodeHessian } from './decode.ts'
import { encodeHessian, type HessianValue } from './encode.ts'
import { HessianError } from './java-object.ts'
import { createJsonConverter } from './json-value.ts'

const bytes = (...parts: (number | string)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part))))
const long = (value: bigint) => {
  const buffer = Buffer.alloc(9, 'L')
  buffer.writeBigInt64BE(value, 1)
  return buffer
}
const toJson = (value: unknown, budget = 1_000_000) => JSON.stringify(createJsonConverter(budget)(value))
const read = (buffer: Buffer) => toJson(decodeHessian(buffer))

describe('values', () => {
  test.each([
    [bytes('N'), 'null'],
    [bytes('T'), 'true'],
    [bytes(0x90), '0'],
    [bytes(0x80), '-16'],
    [bytes(0xc7, 0x00), '-256'],
    [bytes(0xcf, 0xff), '2047'],
    [bytes(0xd7, 0xff, 0xff), '262143'],
    [bytes(0x49, 0x80, 0, 0, 0), '-2147483648'],
    [bytes(0xd8), '-8'],
    [bytes(0xf0, 0x00), '-2048'],
    [bytes(0x38, 0x00, 0x00), '-262144'],
    [bytes(0x59, 0x7f, 0xff, 0xff, 0xff), '2147483647'],
    [long(2n ** 53n - 1n), '9007199254740991'],
    [long(2n ** 53n + 1n), '9007199254740993'],
    [long(-(2n ** 63n)), '-9223372036854775808'],
    [bytes(0x5b), '0'],
    [bytes(0x5c), '1'],
    [bytes(0x5d, 0x80), '-128'],
    [bytes(0x5e, 0x7f, 0xff), '32767'],
    [bytes(0x5f, 0, 0, 0x30, 0x39), '12.345'],
    [bytes(0x4b, 0, 0, 0, 1), '"1970-01-01T00:01:00.000Z"'],
    [bytes(0x05, 'hello'), '"hello"'],
    [bytes(0x31, 0x00, 'x'.repeat(256)), `"${'x'.repeat(256)}"`],
    [bytes(0x52, 0, 1, 'a', 0x53, 0, 1, 'b'), '"ab"'],
    [bytes(0x52, 0, 1, 'a', 0x01, 'b'), '"ab"'],
    // U+1F389 as Java writes it: each half of the pair in three bytes; and as others do: four.
    [bytes(0x02, 0xed, 0xa0, 0xbc, 0xed, 0xbe, 0x89), '"🎉"'],
    [bytes(0x02, '🎉'), '"🎉"'],
    [bytes(0x23, 'abc'), '"YWJj"'],
    [bytes(0x41, 0, 1, 'a', 0x42, 0, 2, 'bc'), '"YWJj"'],
    [bytes(0x57, 0x91, 0x92, 'Z'), '[1,2]'],
    [bytes(0x55, 0x04, '[int', 0x91, 'Z'), '[1]'],
    [bytes(0x72, 0x04, '[int', 0x91, 0x92), '[1,2]'],
    [bytes(0x58, 0x91, 0x7a, 0x91, 0x92), '[[1,2]]'],
    [bytes('H', 0x01, 'a', 0x91, 'Z'), '{"a":1}'],
    [bytes('M', 0x01, 'x', 0x01, 'a', 'N', 'Z'), '{"a":null}'],
    [bytes(0x57, 0x70, 0x01, 't', 0x70, 0x90, 'Z'), '[[],[]]'],
    [bytes('C', 0x03, 'a.E', 0x91, 0x04, 'name', 0x60, 0x04, 'GOLD'), '"GOLD"'],
    [bytes('C', 0x03, 'a.B', 0x92, 0x01, 'x', 0x01, 'y', 'O', 0x90, 0x91, 0x92), '{"x":1,"y":2}'],
  ])('%# are read as Java wrote them', (buffer, json) => {
    expect(read(buffer)).toBe(json)
  })

  test('java.time and java.math keep their meaning', () => {
    const handle = (name: string, fields: [string, unknown][]) => ({
      className: `com.alibaba.com.caucho.hessian.io.java8.${name}`,
      fields: new Map(fields),
    })
    const date = handle('LocalDateHandle', [
      ['year', 2026],
      ['month', 2],
      ['day', 3],
    ])
    const time = handle('LocalTimeHandle', [
      ['hour', 4],
      ['minute', 5],
      ['second', 6],
      ['nano', 70_000_000],
    ])
    const both = handle('LocalDateTimeHandle', [
      ['date', date],
      ['time', time],
    ])
    expect(toJson(both)).toBe('"2026-02-03T04:05:06.07"')
    expect(toJson({ className: 'java.math.BigDecimal', fields: new Map([['value', '12.500']]) })).toBe('12.500')
  })

  test('hessian.js reads what we write', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary', minLength: 33_000, maxLength: 70_000 }),
    )
    const scalar = fc.oneof(fc.boolean(), fc.constant(null), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), text)
    fc.assert(
      fc.property(fc.array(scalar, { maxLength: 5 }), (values) => {
        expect(hessian.decode(encodeHessian(values), '2.0')).toEqual(values)
      }),
      { numRuns: 50 },
    )
  })

  test('what we write we read', () => {
    const { value } = fc.letrec<{ value: HessianValue }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constant(null),
        fc.boolean(),
        fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
        fc.string({ unit: 'binary' }),
        fc.array(tie('value')),
        fc.record({
          className: fc.constantFrom('a.B'),
          fields: fc.tuple(tie('value')).map(([v]) => new Map([['f', v]])),
        }),
      ),
    }))
    fc.assert(
      fc.property(value, (given) => {
        expect(decodeHessian(encodeHessian(given))).toEqual(given)
      }),
    )
  })
})

describe('hostile bytes', () => {
  const refused = (buffer: Buffer) => expect(() => decodeHessian(buffer)).toThrow(HessianError)

  test('lengths that nothing follows are refused before anything is made room for', () => {
    refused(bytes(0x58, 0x49, 0x7f, 0xff, 0xff, 0xff))
    refused(bytes(0x58, 0x49, 0xff, 0xff, 0xff, 0xff))
    refused(bytes(0x53, 0xff, 0xff, 'a'))
    refused(bytes(0x42, 0xff, 0xff))
    refused(bytes('C', 0x01, 'A', 0x49, 0x7f, 0xff, 0xff, 0xff))
    refused(bytes('O', 0x90))
    refused(bytes('Q', 0x90))
    refused(bytes('M', 0x90, 'Z'))
    refused(Buffer.alloc(0))
    refused(bytes(0x91, 0x91))
  })

  test('nesting ends', () => {
    refused(Buffer.alloc(200_000, 0x79))
    refused(Buffer.alloc(200_000, 'H'))
    refused(Buffer.concat([bytes('C', 0x01, 'A', 0x91, 0x01, 'f'), Buffer.alloc(200_000, 0x60)]))
  })

  test('more values than a batch has are refused', () => {
    const many = Buffer.concat([bytes(0x57), Buffer.alloc(2_000_000, 'N'), bytes('Z')])
    refused(many)
  })

  test('a value that contains itself is read, and refused as JSON', () => {
    expect(() => read(bytes(0x79, 'Q', 0x90))).toThrow(/contain themselves/)
    expect(() => read(bytes('H', 0x01, 'a', 'Q', 0x90, 'Z'))).toThrow(/contain themselves/)
  })

  test('references that multiply what was sent end at the budget', () => {
    // A list of a long text, then lists of ten references to the list before.
    const levels = [bytes(0x79, 0x31, 0x00, 'x'.repeat(256))]
    for (let level = 0; level < 9; level++) {
      levels.push(bytes(0x58, 0x9a, ...Array.from({ length: 10 }, () => ['Q', 0x90 + level + 1]).flat()))
    }
    const bomb = Buffer.concat([bytes(0x58, 0x90 + levels.length), ...levels])
    expect(() => toJson(decodeHessian(bomb), 256 * 1024)).toThrow(/at most 262144/)
  })

  const text = (value: string) => bytes(0x53, value.length >> 8, value.length & 255, value)
  const long16 = (count: number) => bytes(0x58, 0x49, 0, 0, count >> 8, count & 255)
  const definition = (name: string, ...fields: string[]) =>
    Buffer.concat([bytes('C'), text(name), bytes(0x90 + fields.length), ...fields.map(text)])
  const referring = (index: number, times: number) => Buffer.alloc(times * 2, Buffer.of(0x51, 0x90 + index))
  const timeHandle = (name: string) => `com.alibaba.com.caucho.hessian.io.java8.${name}`

  test.each(['name of a.E', 'value of java.math.BigDecimal'])(
    'what an object stands for counts each time it is referred to: the %s',
    (which) => {
      const [field = '', className = ''] = which.split(' of ')
      const object = Buffer.concat([definition(className, field), bytes(0x60), text('1'.repeat(30_000))])
      const many = Buffer.concat([long16(101), object, referring(1, 100)])
      expect(() => toJson(decodeHessian(many), 256 * 1024)).toThrow(/at most 262144/)
    },
  )

  test('empty lists and maps that are referred to count as the memory that they take', () => {
    for (const empty of [bytes(0x78), bytes('H', 'Z')]) {
      const many = Buffer.concat([bytes(0x7a), empty, long16(40_000), referring(1, 40_000)])
      expect(() => toJson(decodeHessian(many), 256 * 1024)).toThrow(/at most 262144/)
    }
  })

  test('the parts of a time are numbers, and of a date and time a date and a time; whatever else is refused', () => {
    // Lists of references to lists of references: as a text they would fill the memory.
    const levels = [
      bytes(0x79, 0x01, 'x'),
      ...[2, 3, 4, 5].map((of) => Buffer.concat([long16(100), referring(of, 100)])),
    ]
    const bomb = Buffer.concat([bytes(0x58, 0x90 + levels.length), ...levels])
    for (const [handle, part] of [
      ['LocalDateHandle', 'year'],
      ['LocalTimeHandle', 'hour'],
      ['InstantHandle', 'seconds'],
    ] as const) {
      const object = Buffer.concat([definition(timeHandle(handle), part), bytes(0x60), bomb])
      expect(() => read(object)).toThrow(`the ${part} of a ${handle} is no number`)
    }
    const both = definition(timeHandle('LocalDateTimeHandle'), 'date', 'time')
    const cycle = Buffer.concat([both, bytes(0x60, 'Q', 0x90, 'Q', 0x90)])
    expect(() => read(cycle)).toThrow('the date of a LocalDateTimeHandle is no LocalDateHandle')
    const decimal = definition('java.math.BigDecimal', 'value')
    expect(() => read(Buffer.concat([decimal, both, bytes(0x61, 0x60, 0x01, '1', 'N')]))).toThrow(
      'is no LocalDateHandle',
    )
  })

  test('a class is a name, whatever it is called; __proto__ is no key', () => {
    const named = (name: string) => bytes('C', name.length, name, 0x90, 0x60)
    for (const name of ['java.lang.Runtime', '__proto__', 'constructor', 'javax.naming.InitialContext', '']) {
      expect(read(named(name))).toBe('{}')
    }
    expect(() => read(bytes('H', 0x09, '__proto__', 'H', 'Z', 'Z'))).toThrow('__proto__')
    expect(() => read(bytes('H', 'H', 'Z', 'N', 'Z'))).toThrow('keys')
    expect(() => read(bytes(0x44, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0))).toThrow('NaN')
  })

  test('objects of the classes that stand for something are JSON or an AppError, whatever their fields hold', () => {
    const handles = ['LocalDateHandle', 'LocalTimeHandle', 'LocalDateTimeHandle', 'InstantHandle'].map(timeHandle)
    const className = fc.constantFrom(...handles, 'java.math.BigDecimal', 'java.math.BigInteger', 'a.Enum')
    const names = ['year', 'hour', 'nano', 'date', 'time', 'seconds', 'nanos', 'value', 'signum', 'mag', 'name']
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(null, true, '1e9', '__proto__', 2n ** 62n, Number.NaN, -1, 1e308, new Date(Number.NaN)),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.record({
          className,
          fields: fc.array(fc.tuple(fc.constantFrom(...names), tie('value'))).map((entries) => new Map(entries)),
        }),
      ),
    }))
    fc.assert(
      fc.property(value, (given) => {
        try {
          toJson(given)
        } catch (error) {
          expect(error).toBeInstanceOf(AppError)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('any bytes at all are a value or a HessianError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (random) => {
        try {
          decodeHessian(Buffer.from(random))
        } catch (error) {
          expect(error).toBeInstanceOf(HessianError)
        }
      }),
      { numRuns: 20_000 },
    )
  })
})
