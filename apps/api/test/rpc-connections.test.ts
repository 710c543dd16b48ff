import { writeFileSync } from 'node:fs'
import { type ClientHttp2Session, connect } from 'node:http2'
import { request } from 'node:https'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { createClient } from '@connectrpc/connect'
import { createGrpcTransport } from '@connectrpc/connect-node'
import { freePort } from '@message-center/devkit/services/ports.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import type { RowDataPacket } from 'mysql2/promise'
import { generate } from 'selfsigned'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { Health } from '../src/rpc/generated/grpc/health/v1/health_pb.js'
import { ServerReflection } from '../src/rpc/generated/grpc/reflection/v1/reflection_pb.js'
import { grpcClient, SERVICE } from './rpc-callers.ts'
import { type RunningApi, startApiHere } from './running-api.ts'

const urls = { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') }
let api: RunningApi
let system: TestSystem
beforeAll(async () => {
  api = await startApiHere(urls)
  system = await startTestSystem({ ...urls, apis: 0, workers: 0 })
})
afterAll(async () => {
  await system.stop()
  await api.stop()
})

test('health says SERVING of the whole and of each service, and knows no other; nobody has to say who he is', async () => {
  const health = createClient(Health, createGrpcTransport({ baseUrl: api.rpcUrl }))
  for (const service of ['', SERVICE]) expect((await health.check({ service })).status).toBe(1)
  await expect(health.check({ service: 'a.B' })).rejects.toThrow('there is no service a.B')
  for await (const { status } of health.watch({ service: '' })) {
    expect(status).toBe(1)
    break
  }
})

test('reflection lists the services and answers with the published .proto, by file name, service, method and message', async () => {
  const reflection = createClient(ServerReflection, createGrpcTransport({ baseUrl: api.rpcUrl }))
  const ask = async function* () {
    yield { messageRequest: { case: 'listServices' as const, value: '' } }
    yield { messageRequest: { case: 'fileByFilename' as const, value: 'message_center.proto' } }
    for (const symbol of [SERVICE, `${SERVICE}.sendMessage`, 'com.messagecenter.api.BatchSendResult', 'no.Such']) {
      yield { messageRequest: { case: 'fileContainingSymbol' as const, value: symbol } }
    }
  }
  const answers: unknown[] = []
  for await (const { messageResponse } of reflection.serverReflectionInfo(ask())) {
    const { case: kind, value } = messageResponse
    answers.push(kind === 'listServicesResponse' ? value.service.map(({ name }) => name) : kind)
  }
  const file = 'fileDescriptorResponse'
  expect(answers).toEqual([[SERVICE, 'grpc.health.v1.Health'], file, file, file, file, 'errorResponse'])
})

test('with a certificate, HTTP/2 and HTTP/1.1 go through TLS', async () => {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }])
  const folder = api.environment.logFolder
  const files = { RPC_TLS_CERT: join(folder, 'cert.pem'), RPC_TLS_KEY: join(folder, 'key.pem') }
  writeFileSync(files.RPC_TLS_CERT, cert)
  writeFileSync(files.RPC_TLS_KEY, key)
  const secure = await startApiHere(urls, files)
  try {
    const url = secure.rpcUrl.replace('http:', 'https:')
    const { hostname, port } = new URL(url)
    // Dubbo's client asks for nothing by ALPN.
    const unasked = connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false })
    const headers = { authorization: `Bearer ${secure.environment.token()}`, 'content-type': 'application/json' }
    const path = `/${SERVICE}/sendMessage`
    const body = '[{"businessType":"A","businessData":{}}]'
    const byHttp2 = async (session: ClientHttp2Session) => {
      try {
        return await new Promise((resolve, reject) => {
          session.once('error', reject)
          const stream = session.request({ ':method': 'POST', ':path': path, ...headers })
          stream.once('response', (received) => resolve(received[':status']))
          stream.once('error', reject)
          stream.resume().end(body)
        })
      } finally {
        session.destroy()
      }
    }
    const byHttp1 = await new Promise((resolve, reject) => {
      const call = request(`${url}${path}`, { method: 'POST', rejectUnauthorized: false, headers }, (answer) =>
        resolve(answer.resume().statusCode),
      )
      call.once('error', reject)
      call.end(body)
    })
    expect([
      await byHttp2(connect(url, { rejectUnauthorized: false })),
      await byHttp2(connect(url, { createConnection: () => unasked })),
      byHttp1,
    ]).toEqual([200, 200, 200])
  } finally {
    await secure.stop()
  }
})

test('SIGTERM under load: what was answered is in the database, connections are told to go, exit code 0', async () => {
  const rpcPort = await freePort()
  const process = await system.startApi({ RPC_PORT: String(rpcPort) })
  const client = grpcClient(`http://127.0.0.1:${rpcPort}`, { authorization: `Bearer ${system.token()}` })
  const accepted: string[] = []
  let stopping = false
  const senders = Array.from({ length: 8 }, async (_, sender) => {
    for (let number = 0; ; number++) {
      const messageId = `rpc-load-${sender}-${number}`
      try {
        const { success } = await client.sendMessage({ messageId, businessType: 'A', businessData: '{}' })
        if (success) accepted.push(messageId)
      } catch (error) {
        if (stopping) return
        throw error
      }
    }
  })
  const idle = connect(`http://127.0.0.1:${rpcPort}`)
  let told = false
  idle.once('goaway', () => {
    told = true
  })
  await until('the idle connection and some load', () => !idle.connecting && accepted.length > 200)
  stopping = true
  expect(await process.stop('SIGTERM')).toEqual({ code: 0, signal: null })
  await Promise.all(senders)
  expect(told).toBe(true)
  const [rows] = await system.pool.query<RowDataPacket[]>(
    "SELECT message_id FROM msg_message WHERE message_id LIKE 'rpc-load-%'",
  )
  const stored = new Set(rows.map((row) => row.message_id))
  expect(accepted.filter((id) => !stored.has(id))).toEqual([])
})

test('an empty RPC_PORT is no port; a bad one, half a certificate or a bad interface stop the start', async () => {
  const { readEnv } = await import('@message-center/core/settings/env.ts')
  const read = (variables: Record<string, string>) => readEnv({ ...api.environment.variables, ...variables })
  expect(read({ RPC_PORT: '' }).rpcPort).toBeUndefined()
  expect(read({ RPC_PORT: '50052' }).rpcPort).toBe(50_052)
  expect(() => read({ RPC_PORT: 'x' })).toThrow('RPC_PORT')
  expect(() => read({ RPC_TLS_CERT: '/etc/hostname' })).toThrow('RPC_TLS_KEY')
  expect(() => read({ RPC_INTERFACE: 'Sender' })).toThrow('RPC_INTERFACE')
})
