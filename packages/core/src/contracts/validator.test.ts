import fc from 'fast-check'
import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { FlagInput } from './channel-configs.ts'
import { IdInput, IdText, normalizeId } from './ids.ts'
import { compileCoercingValidator, compileValidator } from './validator.ts'

const faults = (schema: Parameters<typeof compileValidator>[0], value: unknown) => compileValidator(schema)(value)

test('each fault names its field by a dotted path and says what is wrong', () => {
  const Inner = Type.Object({ list: Type.Array(Type.Object({ n: Type.Integer() }, { additionalProperties: false })) })
  const schema = Type.Object({ kind: Type.Enum(['A', 'B']), inner: Inner }, { additionalProperties: false })
  expect(faults(schema, { kind: 'A', inner: { list: [{ n: 1 }] } })).toEqual([])
  expect(faults(schema, { kind: 'C', inner: { list: [] } })).toEqual([{ path: 'kind', message: 'must be one of A, B' }])
  expect(faults(schema, { kind: 'A' })).toEqual([{ path: 'inner', message: 'is required' }])
  expect(faults(schema, { kind: 'A', inner: { list: [] }, x: 1 })).toEqual([
    { path: 'x', message: 'is not a known field' },
  ])
  expect(faults(schema, { kind: 'A', inner: { list: [{ n: 1 }, { n: '1' }] } })).toEqual([
    { path: 'inner.list.1.n', message: 'must be integer' },
  ])
  expect(faults(schema, { kind: 'A', inner: { list: [{ n: 1, 'a/b~c': 1 }] } })).toEqual([
    { path: 'inner.list.0.a/b~c', message: 'is not a known field' },
  ])
})

test('alternatives are told as one line, nested ones as well', () => {
  expect(faults(Type.Union([IdInput, Type.Null()]), true)).toEqual([
    { path: '', message: 'must be string or must be integer or must be null' },
  ])
  expect(faults(Type.Object({ flag: Type.Union([Type.Literal('on'), Type.Literal('off')]) }), { flag: 'x' })).toEqual([
    { path: 'flag', message: 'must be one of on, off' },
  ])
  expect(faults(FlagInput, 2)).toEqual([{ path: '', message: 'must be boolean or must be 0 or must be 1' }])
})

test('where one alternative was meant, its own fault is told, by the field that it is about', () => {
  const Retry = Type.Object(
    { max: Type.Integer({ minimum: 0 }), initialDelayMs: Type.Integer() },
    { additionalProperties: false },
  )
  const schema = Type.Object({
    retry: Type.Optional(Type.Union([Retry, Type.Null()])),
    storeId: Type.Optional(Type.Union([IdInput, Type.Null()])),
  })
  expect(faults(schema, { retry: { max: 5 } })).toEqual([{ path: 'retry.initialDelayMs', message: 'is required' }])
  expect(faults(schema, { retry: { max: -1, initialDelayMs: 1 } })).toEqual([
    { path: 'retry.max', message: 'must be >= 0' },
  ])
  expect(faults(schema, { retry: { max: 1, initialDelayMs: 1, x: 1 } })).toEqual([
    { path: 'retry.x', message: 'is not a known field' },
  ])
  expect(faults(schema, { storeId: '-5' })).toEqual([
    { path: 'storeId', message: 'must match pattern "^[0-9]{1,19}$"' },
  ])
  expect(faults(schema, { storeId: -5 })).toEqual([{ path: 'storeId', message: 'must be >= 0' }])
})

test('bodies are taken as they are, query strings are converted', () => {
  const schema = () =>
    Type.Object({ page: Type.Optional(Type.Integer({ default: 1 })), on: Type.Optional(Type.Boolean()) })
  expect(faults(schema(), { page: '2' })).toHaveLength(1)
  const query: Record<string, unknown> = { page: '2', on: 'true' }
  expect([compileCoercingValidator(schema())(query), query]).toEqual([[], { page: 2, on: true }])
  const empty = {}
  expect([compileCoercingValidator(schema())(empty), empty]).toEqual([[], { page: 1 }])
})

test.each([' 1', '1 ', '0x10', '1e2', '1.0', '', '+1', '٣', 'NaN'])('%j is no integer in a query string', (page) => {
  const check = compileCoercingValidator(Type.Object({ page: Type.Optional(Type.Integer()) }))
  expect(check({ page })).toEqual([{ path: 'page', message: 'must be integer' }])
})

test.each([
  '2026-02-29T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-01-01T24:00:01Z',
  '2026-01-01T00:00:60Z',
  '2026-06-30T23:59:60Z',
  '2026-01-01',
  '2026-01-01T00:00Z',
  '2026-01-01T00:00:00',
  '2026-01-01T00:00:00+0800',
  '2026-01-01T00:00:00+08',
  '9999-12-31T23:59:59-00:01',
  '0001-01-01T00:00:00+00:01',
  '+12026-01-01T00:00:00Z',
  'Thu, 01 Jan 2026 00:00:00 GMT',
  '1767225600',
  '',
])('%j is no date-time', (text) => {
  expect(faults(Type.String({ format: 'date-time' }), text)).toHaveLength(1)
})

test('every time that Date can print is a date-time, in any zone', () => {
  const instants = fc.date({
    min: new Date('0001-01-02T00:00:00Z'),
    max: new Date('9999-12-30T00:00:00Z'),
    noInvalidDate: true,
  })
  const check = compileValidator(Type.String({ format: 'date-time' }))
  fc.assert(
    fc.property(
      instants,
      fc.constantFrom('Z', '+00:00', '+08:00', '-12:00', '+14:00'),
      fc.constantFrom('T', 't', ' '),
      (instant, zone, separator) => {
        expect(check(instant.toISOString().replace('T', separator).replace('Z', zone))).toEqual([])
      },
    ),
  )
})

test('64-bit ids: strings of digits and safe integers, in one form; anything beyond is refused, never rounded', () => {
  const check = compileValidator(IdInput)
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (id) => {
      expect(check(id.toString())).toEqual([])
      expect(normalizeId(id.toString())).toBe(id.toString())
      if (id <= BigInt(Number.MAX_SAFE_INTEGER))
        expect([check(Number(id)), normalizeId(Number(id))]).toEqual([[], id.toString()])
      else expect(check(Number(id))).toHaveLength(1)
    }),
  )
  for (const id of [
    '9223372036854775808',
    '9999999999999999999',
    '12345678901234567890',
    '-1',
    '1.0',
    '',
    ' 1',
    'x',
    -1,
    1.5,
    2 ** 53,
    null,
    true,
    {},
  ]) {
    expect([id, check(id).length]).toEqual([id, 1])
  }
  expect(normalizeId('007')).toBe('7')
  expect(faults(IdText, '9223372036854775808')).toEqual([{ path: '', message: 'exceeds 64 bits' }])
})

test('time zones are those that Intl knows', () => {
  const schema = Type.String({ format: 'time-zone' })
  for (const zone of ['Asia/Shanghai', 'UTC', 'America/New_York']) expect(faults(schema, zone)).toEqual([])
  for (const zone of ['', 'Shanghai', 'Mars/Base']) expect(faults(schema, zone)).toHaveLength(1)
})
