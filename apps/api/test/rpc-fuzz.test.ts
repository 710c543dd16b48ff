import { once } from 'node:events'
import { connect } from 'node:net'
import { create, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { TripleRequestWrapperSchema } from '../src/rpc/generated/triple_wrapper_pb.js'
import { encodeHessian, type HessianValue } from '../src/rpc/hessian/encode.ts'
import { frame, grpcClient, postGrpc, SERVICE } from './rpc-callers.ts'
import { type RunningApi, startApiHere } from './running-api.ts'

let api: RunningApi
let token: string
beforeAll(async () => {
  api = await startApiHere({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  token = api.environment.token()
})
afterAll(() => api.stop())

/** What may come back for arguments: taken, or a refusal; never UNKNOWN, INTERNAL or no status at all. */
const REFUSALS = [0, 3, 8, 12]
/** gRPC's own word for what is no frame or no protobuf. */
const NO_MESSAGE = 13
const METHODS = ['sendMessage', 'batchSendMessages']

const post = (body: Buffer, method = 'sendMessage') =>
  postGrpc(api.rpcUrl, `/${SERVICE}/${method}`, body, { token }).then(({ grpcStatus }) => grpcStatus)

const wrappedAs = (args: Uint8Array[], argTypes: string[]) =>
  frame(
    toBinary(
      TripleRequestWrapperSchema,
      create(TripleRequestWrapperSchema, { serializeType: 'hessian4', args, argTypes }),
    ),
  )
const wrapped = (...args: Uint8Array[]) => wrappedAs(args, [])

async function stillServes(): Promise<void> {
  const client = grpcClient(api.rpcUrl, { token })
  expect(await client.sendMessage({ businessType: 'A', businessData: '{}' })).toMatchObject({ success: true })
}

const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array))

test('random bytes instead of a frame, a message, a wrapper or its arguments are refused by a status', async () => {
  const anything = fc.oneof(
    bytes,
    bytes.map((body) => frame(body)),
    bytes.map((body) => wrapped(body)),
    fc.tuple(bytes, bytes).map((both) => wrapped(...both)),
  )
  await fc.assert(
    fc.asyncProperty(anything, fc.constantFrom(...METHODS), async (body, method) => {
      expect([...REFUSALS, NO_MESSAGE]).toContain(await post(body, method))
    }),
    { numRuns: 300 },
  )
  await stillServes()
})

test('Hessian that was cut off or changed anywhere is refused, or is another message', async () => {
  const message = {
    className: 'com.messagecenter.api.Message',
    fields: new Map<string, HessianValue>([
      ['businessType', 'ORDER'],
      ['businessData', { className: 'java.util.HashMap', fields: new Map([['a', [1, '二', null, true]]]) }],
    ]),
  }
  const sound = encodeHessian(message)
  expect(await post(wrapped(sound))).toBe(0)
  const changes = fc.tuple(fc.nat(sound.length - 1), fc.nat(255), fc.boolean()).map(([at, byte, cut]) => {
    const changed = Buffer.from(sound)
    changed[at] = byte
    return cut ? changed.subarray(0, at) : changed
  })
  await fc.assert(
    fc.asyncProperty(changes, async (changed) => {
      expect(REFUSALS).toContain(await post(wrapped(changed)))
    }),
    { numRuns: 300 },
  )
  await stillServes()
})

test('what the types of the arguments are said to be, and how many, changes nothing: they are not looked up', async () => {
  const message = encodeHessian({
    className: 'com.messagecenter.api.Message',
    fields: new Map<string, HessianValue>([
      ['businessType', 'ORDER'],
      ['businessData', { className: 'java.util.HashMap', fields: new Map([['a', 1]]) }],
    ]),
  })
  const types = fc.array(
    fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('java.lang.Runtime', '__proto__', '['.repeat(65_536))),
    { maxLength: 3 },
  )
  await fc.assert(
    fc.asyncProperty(types, async (argTypes) => {
      expect(await post(wrappedAs([message], argTypes))).toBe(0)
    }),
    { numRuns: 20 },
  )
})

/** What a reader that looks classes up, or makes objects of them, would stumble over. */
const CLASS_NAMES = [
  '',
  '__proto__',
  'constructor',
  'toString',
  'java.lang.Runtime',
  'java.lang.Class',
  'java.lang.Long',
  'java.math.BigDecimal',
  'java.time.Ser',
  'com.caucho.hessian.io.LocalDateHandle',
  'javax.management.BadAttributeValueExpException',
  'org.springframework.aop.support.DefaultBeanFactoryPointcutAdvisor',
  '[Ljava.lang.String;',
  '['.repeat(300),
  'java.util.HashMap\u0000',
  '类 🎉',
  'a'.repeat(65_536),
]
const FIELD_NAMES = [
  '',
  '__proto__',
  'constructor',
  'name',
  'value',
  'businessType',
  'businessData',
  '类',
  'f'.repeat(9_000),
]

test('classes and fields of every name are data or refused, and change no object of ours', async () => {
  const named = (className: string, names: readonly string[], inner: HessianValue) => ({
    className,
    fields: new Map<string, HessianValue>(names.map((name) => [name, inner])),
  })
  const objects = fc
    .tuple(
      fc.constantFrom(...CLASS_NAMES),
      fc.uniqueArray(fc.constantFrom(...FIELD_NAMES)),
      fc.constantFrom(...CLASS_NAMES),
    )
    .map(([outer, names, inner]) =>
      named(outer, names, named(inner, names, { className: 'A', fields: new Map([['isPolluted', true]]) })),
    )
  const asData = objects.map((object) =>
    named('com.messagecenter.api.Message', ['businessType', 'businessData'], object),
  )
  await fc.assert(
    fc.asyncProperty(fc.oneof(objects, asData), fc.constantFrom(...METHODS), async (object, method) => {
      expect(REFUSALS).toContain(await post(wrapped(encodeHessian(object)), method))
    }),
    { numRuns: 150 },
  )
  expect({}).not.toHaveProperty('isPolluted')
  await stillServes()
})

test('class definitions of thousands of fields, thousands of definitions, and one that there is not are refused or data', async () => {
  const short = (text: string) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])
  const int = (value: number) =>
    Buffer.from([0x49, value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255])
  const definition = (fields: readonly string[]) =>
    Buffer.concat([Buffer.from('C'), short('A'), int(fields.length), ...fields.map(short)])
  const many = Array.from({ length: 20_000 }, (_, index) => String(index))
  const [first, nulls] = [Buffer.from([0x60]), Buffer.alloc(20_000, 'N')]
  const bodies = [
    Buffer.concat([definition(many), first, nulls]),
    Buffer.concat([definition(many.map(() => 'same')), first, nulls]),
    Buffer.concat([...many.map(() => definition([])), first]),
    Buffer.concat([definition([]), Buffer.from([0x6f])]),
    Buffer.concat([Buffer.from('O'), int(0x7fff_ffff)]),
    // Lists whose type is an array of arrays of arrays.
    Buffer.concat([...Array.from({ length: 60 }, () => [Buffer.from([0x71]), short('['.repeat(31))]).flat(), first]),
    Buffer.concat([Buffer.from('V'), Buffer.from([0x53, 0xff, 0xff]), Buffer.alloc(0xffff, '['), int(0x7fff_ffff)]),
    // A name, an index or a length that is itself such a thing, without end.
    ...['C', 'O', 'Q', 'X', 'V'].map((tag) => Buffer.alloc(200_000, tag)),
  ]
  for (const method of METHODS)
    for (const body of bodies) expect([3, 8, 0]).toContain(await post(wrapped(body), method))
  for (const args of [[], [first, first], Array.from({ length: 1_000 }, () => Buffer.from('N'))])
    expect(await post(wrapped(...args))).toBe(3)
  await stillServes()
})

test('huge lengths, deep nesting, cycles and references that multiply take no memory and are refused', async () => {
  const int = (value: number) => [0x49, value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]
  const deep = Buffer.concat([Buffer.alloc(100_000, 0x79), Buffer.from('N')])
  const cycle = Buffer.from([0x79, 0x51, 0x90])
  const multiplied = Buffer.concat([
    Buffer.from([0x58, ...int(100), 0x79, 0x53, 0xff, 0xff]),
    Buffer.alloc(65_535, 'x'),
    Buffer.from(
      Array.from({ length: 99 }, () => [
        0x58,
        ...int(900),
        ...Array.from({ length: 900 }, () => [0x51, 0x91]).flat(),
      ]).flat(),
    ),
  ])
  const lengths = [
    [0x58, ...int(0x7fff_ffff)],
    [0x58, ...int(-1)],
    [0x53, 0xff, 0xff],
    [0x43, 0x01, 0x41, ...int(0x7fff_ffff)],
  ]
  const before = process.memoryUsage().rss
  for (const method of METHODS) {
    for (const body of [deep, cycle, multiplied, ...lengths.map((length) => Buffer.from(length))]) {
      expect([3, 8, 0]).toContain(await post(wrapped(body), method))
    }
  }
  const values = Buffer.concat([Buffer.from([0x57]), Buffer.alloc(15_000_000, 'N'), Buffer.from('Z')])
  expect(await post(wrapped(values), 'batchSendMessages')).toBe(3)
  expect(process.memoryUsage().rss - before).toBeLessThan(500 * 1024 * 1024)
  await stillServes()
})

test('connections that say nonsense, in the middle or from the start, are closed and do no harm', async () => {
  const { port, hostname } = new URL(api.rpcUrl)
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.uint8Array({ minLength: 1, maxLength: 400 }), async (withPreface, random) => {
      const socket = connect(Number(port), hostname)
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.end(Buffer.concat([withPreface ? preface : Buffer.alloc(0), Buffer.from(random)]))
      socket.resume()
      await once(socket, 'close')
    }),
    { numRuns: 100 },
  )
  await stillServes()
})
