import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { create, toBinary } from '@bufbuild/protobuf'
import { Code, ConnectError } from '@connectrpc/connect'
import type { RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { MessageSchema } from '../src/rpc/generated/message_center_pb.js'
import { callAsDubbo, frame, grpcClient, java, postGrpc, SERVICE } from './rpc-callers.ts'
import { type RunningApi, startApiHere } from './running-api.ts'

const urls = { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') }
let api: RunningApi
let versioned: RunningApi
beforeAll(async () => {
  api = await startApiHere(urls)
  versioned = await startApiHere(urls, {
    RPC_INTERFACE: 'com.acme.messaging.Sender',
    RPC_GROUP: 'blue',
    RPC_VERSION: '2.0.0',
  })
})
afterAll(async () => {
  await versioned.stop()
  await api.stop()
})

const bearer = (claims = {}, of = api) => ({ authorization: `Bearer ${of.environment.token(claims)}` })

async function stored(messageId: string): Promise<RowDataPacket | undefined> {
  const [rows] = await api.pool.query<RowDataPacket[]>(
    'SELECT *, CAST(business_data AS CHAR) AS text FROM msg_message WHERE message_id = ?',
    [messageId],
  )
  return rows[0]
}

const postJson = (path: string, body: unknown, headers = bearer() as Record<string, string>) =>
  fetch(`${api.rpcUrl}/${SERVICE}/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

describe('JSON', () => {
  test('an array with the argument sends a message, as Dubbo documents it for curl; numbers keep their digits', async () => {
    const body =
      '[{"messageId":"rpc-json","businessType":"ORDER","businessData":{"no":1234567890123456789,"sum":99.00}}]'
    const answer = await postJson('sendMessage', body)
    expect([answer.status, await answer.json()]).toEqual([200, { success: true, messageId: 'rpc-json' }])
    const shown = await (await fetch(`${api.url}/api/messages/rpc-json`, { headers: bearer() })).text()
    expect(shown).toContain('1234567890123456789')
    expect(shown).toContain('99.00')
  })

  test('an object is the message itself', async () => {
    const message = { businessType: 'ORDER', businessData: '{}', attributes: '{"priority":1}' }
    expect(await (await postJson('sendMessage', message)).json()).toMatchObject({ success: true })
    const answer = await postJson('batchSendMessages', { messages: [message, { ...message, attributes: '{' }] })
    expect(await answer.json()).toMatchObject({ successCount: 1, results: [{ success: true }, { success: false }] })
  })

  test('a refused message is a result that says why, and a batch answers entry by entry', async () => {
    const single = await postJson('sendMessage', [{ businessData: {} }])
    expect([single.status, await single.json()]).toMatchObject([
      200,
      { success: false, errorCode: 'VALIDATION_FAILED', errorMessage: expect.stringContaining('businessType') },
    ])
    const batch = await postJson('batchSendMessages', [[{ businessType: 'A', businessData: {} }, 7]])
    expect(await batch.json()).toMatchObject({ totalCount: 2, successCount: 1, failedCount: 1 })
  })

  test('what is no call is told as by REST', async () => {
    const codes = await Promise.all([
      postJson('sendMessage', [{}, {}]),
      postJson('sendMessage', '{'),
      postJson('batchSendMessages', [[]]),
      postJson('nothing', []),
      postJson('sendMessage', [{}], {}),
      postJson('sendMessage', ' '.repeat(300_000)),
      postJson('sendMessage', 'x', { ...bearer(), 'content-type': 'text/plain' }),
    ])
    expect(codes.map(({ status }) => status)).toEqual([400, 400, 400, 404, 401, 413, 415])
    expect(await codes[4]?.json()).toMatchObject({ success: false, errorCode: 'UNAUTHORIZED' })
  })
})

test('a JSON body has the limits of REST, to the byte', async () => {
  const [head, tail] = ['[{"businessType":"A","businessData":{},"attributes":{"note":"', '"}}]']
  const send = (size: number) => postJson('sendMessage', head + 'x'.repeat(size - head.length - tail.length) + tail)
  expect((await send(256 * 1024)).status).toBe(200)
  const answer = await send(256 * 1024 + 1)
  expect([answer.status, await answer.json()]).toMatchObject([
    413,
    { errorCode: 'PAYLOAD_TOO_LARGE', errorMessage: expect.stringContaining('262144') },
  ])
})

describe('gRPC', () => {
  test('a message of the published .proto is accepted, 64-bit ids exactly', async () => {
    const client = grpcClient(api.rpcUrl, bearer({ tenantId: '9007199254740993' }))
    const result = await client.sendMessage({
      messageId: 'rpc-grpc',
      tenantId: 9007199254740993n,
      storeId: 9223372036854775807n,
      businessType: '订单',
      businessData: '{"买家":"张三 🎉","no":1234567890123456789}',
      targetChannels: ['LOCAL'],
      attributes: '{"to":{"userIds":["u1"]}}',
    })
    expect(result).toMatchObject({ success: true, messageId: 'rpc-grpc' })
    expect(await stored('rpc-grpc')).toMatchObject({
      tenant_id: '9007199254740993',
      store_id: '9223372036854775807',
      business_type: '订单',
      target_channels: 'LOCAL',
    })
    expect((await stored('rpc-grpc'))?.text).toContain('张三 🎉')
  })

  test('the same again is a success and stored once; other content is a conflict', async () => {
    const client = grpcClient(api.rpcUrl, bearer())
    const message = { messageId: 'rpc-again', businessType: 'A', businessData: '{"a":1}' }
    expect(await client.sendMessage(message)).toMatchObject({ success: true })
    expect(await client.sendMessage(message)).toMatchObject({ success: true })
    const other = await client.sendMessage({ ...message, businessData: '{"a":2}' })
    expect(other).toMatchObject({ success: false, errorCode: 'MESSAGE_ID_CONFLICT', messageId: 'rpc-again' })
  })

  test('a batch answers in order; a thousand and one are refused', async () => {
    const client = grpcClient(api.rpcUrl, bearer())
    const messages = Array.from({ length: 1000 }, (_, index) => ({
      messageId: `rpc-batch-${index}`,
      businessType: index === 500 ? '' : 'A',
      businessData: '{}',
    }))
    const { totalCount, successCount, failedCount, results } = await client.batchSendMessages({ messages })
    expect([totalCount, successCount, failedCount]).toEqual([1000, 999, 1])
    expect(results[500]).toMatchObject({ success: false, errorCode: 'VALIDATION_FAILED' })
    expect(results.map(({ messageId }) => messageId)).toEqual(messages.map(({ messageId }) => messageId))
    await expect(client.batchSendMessages({ messages: [...messages, ...messages] })).rejects.toMatchObject({
      code: Code.InvalidArgument,
    })
  })

  test("who may not call is told so, in the grpc-status and in our words; another tenant's message is refused", async () => {
    const message = { businessType: 'A', businessData: '{}' }
    const failure = async (headers: Record<string, string>) =>
      ConnectError.from(
        await grpcClient(api.rpcUrl, headers)
          .sendMessage(message)
          .catch((error) => error),
      )
    expect(await failure({})).toMatchObject({ code: Code.Unauthenticated, rawMessage: 'a bearer token is required' })
    expect(await failure({ token: 'mc_0' })).toMatchObject({ code: Code.Unauthenticated })
    expect(await failure(bearer({ roles: ['viewer'] }))).toMatchObject({ code: Code.PermissionDenied })
    const client = grpcClient(api.rpcUrl, bearer())
    expect(await client.sendMessage({ ...message, tenantId: 2n })).toMatchObject({ errorCode: 'FORBIDDEN' })
  })

  test('more bytes than a call may have are refused before they are read', async () => {
    const client = grpcClient(api.rpcUrl, bearer())
    const businessData = JSON.stringify({ text: 'x'.repeat(300_000) })
    await expect(client.sendMessage({ businessType: 'A', businessData })).rejects.toMatchObject({
      code: Code.ResourceExhausted,
    })
    const huge = Buffer.alloc(5)
    huge.writeUInt32BE(0xffff_ffff, 1)
    const { grpcStatus } = await postGrpc(api.rpcUrl, `/${SERVICE}/batchSendMessages`, huge, bearer())
    expect(grpcStatus).toBe(Code.ResourceExhausted)
  })

  test('a message may have 256 KiB whole, whatever its frame takes, and not a byte more', async () => {
    const call = async (filler: number) => {
      const attributes = JSON.stringify({ note: 'x'.repeat(filler) })
      const bytes = toBinary(
        MessageSchema,
        create(MessageSchema, { businessType: 'A', businessData: '{}', attributes }),
      )
      const { grpcStatus, grpcMessage } = await postGrpc(api.rpcUrl, `/${SERVICE}/sendMessage`, frame(bytes), bearer())
      return { bytes: bytes.length, grpcStatus, grpcMessage }
    }
    const { bytes: around } = await call(200_000)
    const most = 200_000 + 256 * 1024 - around
    expect(await call(most)).toMatchObject({ bytes: 256 * 1024, grpcStatus: 0 })
    expect(await call(most + 1)).toMatchObject({
      grpcStatus: Code.ResourceExhausted,
      grpcMessage: expect.stringContaining('262144'),
    })
  })

  test('whoever is patient for months is answered, too', async () => {
    const bytes = toBinary(MessageSchema, create(MessageSchema, { businessType: 'A', businessData: '{}' }))
    const headers = { ...bearer(), 'grpc-timeout': '99999999H' }
    expect(await postGrpc(api.rpcUrl, `/${SERVICE}/sendMessage`, frame(bytes), headers)).toMatchObject({
      grpcStatus: 0,
    })
  })

  test('a message that comes packed is read, and one that unpacks beyond its limit, or beyond what it says, is not', async () => {
    const packed = async (text: string, change = (_gzip: Buffer): unknown => undefined) => {
      const bytes = toBinary(
        MessageSchema,
        create(MessageSchema, { businessType: 'A', businessData: JSON.stringify({ text }) }),
      )
      const gzip = gzipSync(bytes)
      change(gzip)
      const body = frame(gzip)
      body[0] = 1
      const headers = { ...bearer(), 'grpc-encoding': 'gzip' }
      return (await postGrpc(api.rpcUrl, `/${SERVICE}/sendMessage`, body, headers)).grpcStatus
    }
    expect(await packed('x')).toBe(0)
    expect(await packed('x'.repeat(300_000))).toBe(Code.ResourceExhausted)
    expect(await packed('x'.repeat(300_000), (gzip) => gzip.writeUInt32LE(1, gzip.length - 4))).toBe(
      Code.InvalidArgument,
    )
  })

  test('grpc-timeout is honoured: the answer comes when it ends, whatever the database does', async () => {
    const blocker = await api.pool.getConnection()
    try {
      await blocker.query('LOCK TABLES msg_message_key WRITE')
      const client = grpcClient(api.rpcUrl, bearer())
      const sending = client.sendMessage({ businessType: 'A', businessData: '{}' }, { timeoutMs: 300 })
      await expect(sending).rejects.toMatchObject({ code: Code.DeadlineExceeded })
    } finally {
      await blocker.query('UNLOCK TABLES')
      blocker.release()
    }
  })

  test('what is not there is UNIMPLEMENTED', async () => {
    const { grpcStatus, grpcMessage } = await postGrpc(api.rpcUrl, '/a.B/c', frame(Buffer.alloc(0)), bearer())
    expect([grpcStatus, grpcMessage]).toEqual([Code.Unimplemented, 'there is no POST /a.B/c'])
  })
})

describe("Dubbo's plain Java objects", () => {
  test('a message with enum, long, list, map, nulls and unknown fields is accepted; the answer is a SendResult', async () => {
    const message = java.message({
      messageId: 'rpc-java',
      tenantId: java.long('1'),
      storeId: java.long('9223372036854775807'),
      businessType: '订单',
      businessData: java.object('java.util.HashMap', {
        买家: '张三 🎉',
        no: java.long('1234567890123456789'),
        nothing: null,
        when: new Date('2026-01-02T03:04:05.678Z'),
        price: java.object('java.math.BigDecimal', { value: '99.00' }),
      }),
      targetChannels: java.list([java.channel('LOCAL'), java.channel('DINGTALK')]),
      attributes: null,
      newerThanUs: java.object('com.acme.Whatever', { a: 1 }),
    })
    const answer = await callAsDubbo(api.rpcUrl, 'sendMessage', [message], { token: api.environment.token() })
    expect(answer).toMatchObject({ status: 200, grpcStatus: 0 })
    expect(answer.result?.$class).toBe('com.messagecenter.api.SendResult')
    expect(hessianFields(answer.result)).toEqual({
      success: true,
      messageId: 'rpc-java',
      errorCode: null,
      errorMessage: null,
    })
    const row = await stored('rpc-java')
    expect(row).toMatchObject({ store_id: '9223372036854775807', target_channels: 'LOCAL,DINGTALK', attributes: null })
    const shown = await (await fetch(`${api.url}/api/messages/rpc-java`, { headers: bearer() })).text()
    expect(shown).toContain('"no":1234567890123456789')
    expect(shown).toContain('"price":99.00')
    expect(shown).toContain('"nothing":null')
    expect(shown).toContain('"when":"2026-01-02T03:04:05.678Z"')
  })

  test('the log names the application that has sent a message', async () => {
    const message = java.message({ messageId: 'rpc-of-shop', businessType: 'A', businessData: {} })
    const headers = { ...bearer(), 'tri-consumer-appname': 'shop' }
    expect(await callAsDubbo(api.rpcUrl, 'sendMessage', [message], headers)).toMatchObject({ grpcStatus: 0 })
    const lines = readFileSync(join(api.environment.logFolder, 'api.log'), 'utf8').split('\n')
    const line = JSON.parse(lines.find((text) => text.includes('rpc-of-shop')) ?? '{}')
    expect(line).toMatchObject({ application: 'shop', msg: 'message accepted' })
  })

  test('a batch answers with a BatchSendResult; a refused message is an entry of it', async () => {
    const fine = java.message({ businessType: 'A', businessData: { a: 1 } })
    const broken = java.message({ businessType: null, businessData: { a: 1 } })
    const args = [java.list([fine, broken, 'no message'])]
    const { grpcStatus, result } = await callAsDubbo(api.rpcUrl, 'batchSendMessages', args, bearer())
    expect(grpcStatus).toBe(0)
    expect(result?.$class).toBe('com.messagecenter.api.BatchSendResult')
    const { results, ...counts } = hessianFields(result)
    expect(counts).toEqual({ totalCount: 3, successCount: 1, failedCount: 2 })
    expect((results as (typeof result)[]).map((entry) => hessianFields(entry).errorCode)).toEqual([
      null,
      'VALIDATION_FAILED',
      'VALIDATION_FAILED',
    ])
  })

  test('what cannot be read is refused by a status that says why', async () => {
    const message = java.message({ businessType: 'A', businessData: {} })
    const call = (args: unknown[], type?: string) => callAsDubbo(api.rpcUrl, 'sendMessage', args, bearer(), type)
    expect(await call([message], 'fastjson2')).toMatchObject({ grpcStatus: Code.Unimplemented })
    expect(await call([])).toMatchObject({ grpcStatus: Code.InvalidArgument })
    expect(await call([message, message])).toMatchObject({ grpcStatus: Code.InvalidArgument })
    expect(await call([message], 'hessian2')).toMatchObject({ grpcStatus: 0 })
    expect(await callAsDubbo(api.rpcUrl, 'sendMessage', [message], {})).toMatchObject({
      status: 200,
      grpcStatus: Code.Unauthenticated,
      grpcMessage: 'a bearer token is required',
    })
  })
})

test('interface, group and version are those of the settings; who names none means the one that is here', async () => {
  const call = (headers: Record<string, string>) =>
    fetch(`${versioned.rpcUrl}/com.acme.messaging.Sender/sendMessage`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...bearer({}, versioned), ...headers },
      body: '[{"businessType":"A","businessData":{}}]',
    }).then(({ status }) => status)
  const statuses = [
    await call({ 'tri-service-group': 'blue', 'tri-service-version': '2.0.0' }),
    await call({}),
    await call({ 'tri-service-group': 'green' }),
    await call({ 'tri-service-version': '1.0.0' }),
  ]
  expect(statuses).toEqual([200, 200, 404, 404])
})

test("where the settings name no version, Dubbo's default 1.0.0 is none, and any other is another service's", async () => {
  const message = [{ businessType: 'A', businessData: {} }]
  const of = (version: string) => postJson('sendMessage', message, { ...bearer(), 'tri-service-version': version })
  expect([(await of('1.0.0')).status, (await of('')).status, (await of('1.0.1')).status]).toEqual([200, 200, 404])
})

/** The fields of a Java object that `hessian.js` read with types. */
function hessianFields(object: { $: Record<string, unknown> } | undefined): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(object?.$ ?? {}).map(([name, value]) => {
      const plain = typeof value === 'object' && value !== null && '$' in value ? value.$ : value
      return [name, plain]
    }),
  )
}
