import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Caller } from '../contracts/caller.ts'
import { AppError } from '../contracts/errors.ts'
import { parseLossless } from '../templates/lossless-json.ts'
import { type MessageRules, validateMessage } from './message-validation.ts'

const caller: Caller = { subject: 's', tenantId: '1', roles: ['sender'] }
const platform: Caller = { ...caller, roles: ['platform', 'sender'] }
const rules: MessageRules = {
  channelTypes: new Set(['LOCAL', 'DINGTALK']),
  hasCallbackSecret: (tenantId) => tenantId === '9',
  callbackUrlFault: (url) => (url.includes('inner') ? 'names an inner address' : undefined),
}
const plain = { messageId: 'm', businessType: 'ORDER', businessData: { a: 1 } }

const valid = (body: unknown, by = caller) => validateMessage(body, by, rules)
const hashOf = async (body: unknown, by = caller) => (await valid(body, by)).contentHash

async function refusal(body: unknown, by = caller): Promise<AppError> {
  const error = await valid(body, by).catch((reason) => reason)
  if (error instanceof AppError) return error
  throw new Error(`expected a refusal, got ${JSON.stringify(error)}`)
}

/** JSON objects without the keys that no message may have, and not nested too deep. */
const data = fc
  .object({
    maxDepth: 4,
    key: fc.string().filter((key) => !['__proto__', 'constructor'].includes(key)),
    values: [fc.string(), fc.integer(), fc.boolean(), fc.constant(null)],
  })
  .map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>)

describe('the content hash', () => {
  test('is the same whatever the key order, as object or as string', async () => {
    await fc.assert(
      fc.asyncProperty(data, async (businessData) => {
        const hash = await hashOf({ ...plain, businessData })
        expect(await hashOf({ ...plain, businessData: reversed(businessData) })).toBe(hash)
        expect(await hashOf({ ...plain, businessData: JSON.stringify(reversed(businessData), null, 2) })).toBe(hash)
        expect(await hashOf({ businessData, tenantId: 1, businessType: 'ORDER', storeId: null })).toBe(hash)
      }),
    )
  })

  test('differs where the data differs', async () => {
    await fc.assert(
      fc.asyncProperty(data, data, async (one, other) => {
        fc.pre(JSON.stringify(sorted(one)) !== JSON.stringify(sorted(other)))
        expect(await hashOf({ ...plain, businessData: one })).not.toBe(await hashOf({ ...plain, businessData: other }))
      }),
    )
  })

  test('tells apart what looks alike', async () => {
    const bodies = [
      '{"a":[]}',
      '{"a":{}}',
      '{"a":""}',
      '{"a":null}',
      '{"a":0}',
      '{"a":false}',
      '{}',
      '{"a":[[]]}',
      '{"a":[null]}',
      '{"a":"0"}',
      '{"a":"[]"}',
      '{"a":-0}',
      '{"a":0.0}',
      '{"a":["1","2"]}',
      '{"a":["2","1"]}',
      '{"a":{"entries":[]}}',
      '{"entries":[]}',
      '{"entries":[["a",0]]}',
      '{"a":{"rawJSON":"1.0"}}',
      '{"a":1.0}',
      '{"a":12345678901234567890}',
      '{"a":12345678901234567891}',
      '{"a":"12345678901234567890"}',
    ]
    const hashes = await Promise.all(bodies.map((businessData) => hashOf({ ...plain, businessData })))
    expect(new Set(hashes).size).toBe(bodies.length)
  })

  test('does not depend on the id, but on everything else', async () => {
    const hash = await hashOf(plain)
    expect(await hashOf({ ...plain, messageId: 'other' })).toBe(hash)
    for (const change of [
      { businessType: 'X' },
      { storeId: 1 },
      { targetChannels: ['LOCAL'] },
      { attributes: {} },
      { attributes: { priority: 5 } },
    ]) {
      expect(await hashOf({ ...plain, ...change })).not.toBe(hash)
    }
    expect(await hashOf({ ...plain, tenantId: '2' }, platform)).not.toBe(hash)
    expect(await hashOf({ ...plain, storeId: '007' })).toBe(await hashOf({ ...plain, storeId: 7 }))
    expect(await hashOf({ ...plain, targetChannels: ['LOCAL', 'LOCAL'] })).toBe(
      await hashOf({ ...plain, targetChannels: ['LOCAL'] }),
    )
  })
})

test('any data is stored so that it reads back as it was', async () => {
  await fc.assert(
    fc.asyncProperty(data, async (businessData) => {
      const { businessDataText } = await valid({ ...plain, businessData })
      expect(parseLossless(businessDataText)).toEqual(businessData)
    }),
  )
})

test('whatever is sent, the answer is a message or a refusal by a code of the contract, never another error', async () => {
  const anything = fc.oneof(
    fc.anything(),
    fc.record(
      {
        messageId: fc.anything(),
        tenantId: fc.anything(),
        storeId: fc.anything(),
        businessType: fc.anything(),
        businessData: fc.anything(),
        targetChannels: fc.anything(),
        attributes: fc.anything(),
      },
      { requiredKeys: [] },
    ),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.json().map((text) => text as unknown),
        anything.map((value) => asJson(value)),
      ),
      async (body) => {
        const result = await valid(body).catch((error: unknown) => error)
        if (result instanceof Error)
          expect(result).toMatchObject({
            name: 'AppError',
            code: expect.stringMatching(/^(VALIDATION_FAILED|FORBIDDEN|PAYLOAD_TOO_LARGE)$/),
          })
      },
    ),
  )
})

test('a refusal names the field and, where it is known, the message', async () => {
  expect(await refusal({ ...plain, businessType: '' })).toMatchObject({
    code: 'VALIDATION_FAILED',
    messageId: 'm',
    details: [{ path: 'businessType', message: expect.any(String) }],
  })
  expect(await refusal({ ...plain, messageId: 'not an id', nope: 1 })).toMatchObject({
    code: 'VALIDATION_FAILED',
    messageId: undefined,
  })
  expect(await refusal(undefined)).toMatchObject({
    code: 'VALIDATION_FAILED',
    details: [{ path: 'body', message: 'must be object' }],
  })
})

test('another tenant is FORBIDDEN before anything else is looked at; platform may', async () => {
  expect(await refusal({ messageId: 'm', tenantId: '2', nonsense: true })).toMatchObject({
    code: 'FORBIDDEN',
    messageId: 'm',
  })
  expect(await valid({ ...plain, tenantId: '02' }, platform)).toMatchObject({ tenantId: '2' })
  expect(await valid({ ...plain, tenantId: 1 })).toMatchObject({ tenantId: '1' })
})

test('a callback URL needs the secret of the message’s own tenant, and http', async () => {
  const attributes = { callbackUrl: 'https://example.com/told' }
  expect(await refusal({ ...plain, attributes })).toMatchObject({ details: [{ path: 'attributes.callbackUrl' }] })
  expect(await valid({ ...plain, tenantId: '9', attributes }, platform)).toMatchObject({ tenantId: '9' })
  const other = { ...plain, tenantId: '9', attributes: { callbackUrl: 'file:///etc/passwd' } }
  expect(await refusal(other, platform)).toMatchObject({ details: [{ path: 'attributes.callbackUrl' }] })
  const inner = { ...plain, tenantId: '9', attributes: { callbackUrl: 'https://inner.example/told' } }
  const details = [{ path: 'attributes.callbackUrl', message: 'names an inner address' }]
  expect(await refusal(inner, platform)).toMatchObject({ details })
})

test('delivery options are read from the attributes', async () => {
  const [sendAt, expiresAt] = [new Date(Date.now() + 1000), new Date(Date.now() + 2000)]
  const attributes = { priority: 0, sendAt: sendAt.toISOString(), expiresAt: expiresAt.toISOString() }
  expect(await valid({ ...plain, attributes })).toMatchObject({ priority: 0, sendAt, expiresAt })
  expect(await valid(plain)).toMatchObject({
    priority: 5,
    sendAt: null,
    expiresAt: null,
    attributesText: null,
    targetChannels: null,
    storeId: null,
  })
})

test('data and attributes that are too large together are refused, as a body of that size would be', async () => {
  const businessData = { a: 'x'.repeat(60_000) }
  const attributes = (bytes: number) => ({ a: 'x'.repeat(bytes) })
  await valid({ ...plain, businessData, attributes: attributes(200_000) })
  expect(await refusal({ ...plain, businessData, attributes: attributes(205_000) })).toMatchObject({
    code: 'PAYLOAD_TOO_LARGE',
  })
})

function asJson(value: unknown): unknown {
  try {
    return parseLossless(JSON.stringify(value) ?? 'null')
  } catch {
    // What JSON cannot hold is of no interest here.
    return null
  }
}

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, entry]) => [key, reversed(entry)])
      .toReversed(),
  )
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .map(([key, entry]) => [key, sorted(entry)])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
}
