import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, request as plainRequest, type Server } from 'node:http'
import { connect } from 'node:http2'
import { request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noCanary, type RunningNginx, startNginx } from '@message-center/devkit/deployment/nginx.ts'
import { freePort } from '@message-center/devkit/services/ports.ts'
import { createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { openEventStream } from '@message-center/devkit/testing/event-stream.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { generate } from 'selfsigned'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { grpcClient } from './rpc-callers.ts'

const folder = mkdtempSync(join(tmpdir(), 'nginx-'))
let system: TestSystem
let nginx: RunningNginx
let certificate: Awaited<ReturnType<typeof generate>>
let rpcPorts: number[]
beforeAll(async () => {
  system = await startTestSystem({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl'), apis: 0 })
  rpcPorts = [await freePort(), await freePort()]
  for (const port of rpcPorts) await system.startApi({ RPC_PORT: String(port) })
  certificate = await generate([{ name: 'commonName', value: 'localhost' }], {
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  })
  nginx = await startNginx(folder, servers(), certificate)
})
afterAll(async () => {
  await nginx.stop()
  await system.stop()
  rmSync(folder, { recursive: true, force: true })
})

const addressOf = (url: string) => new URL(url).host
const servers = () =>
  noCanary(
    system.apis.map(({ url }) => addressOf(url)),
    rpcPorts.map((port) => `127.0.0.1:${port}`),
  )
const caller = (tenantId: string) => createApiCaller(nginx.url, system.token({ tenantId }))
const accessLog = () =>
  readFileSync(nginx.log, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line): Record<string, string> => JSON.parse(line))

test('a message goes through it to its end, and each API process gets its part', async () => {
  const call = caller('901')
  await createConfig(call, 'LOCAL')
  await createTemplate(call, 'ORDER', 'LOCAL')
  for (let n = 0; n < 20; n++) {
    const body = { messageId: `n${n}`, businessType: 'ORDER', businessData: { orderNo: n, userId: 'u' } }
    expect(await call('POST', '/api/messages', body)).toMatchObject({ status: 202 })
  }
  expect(await finalMessage(call, 'n19')).toMatchObject({ status: 'SUCCESS' })
  const asked = new Set(accessLog().map(({ upstream }) => upstream))
  for (const { url } of system.apis) expect(asked).toContain(addressOf(url))
})

test('gRPC goes through the RPC port', async () => {
  const client = grpcClient(nginx.rpcUrl, { authorization: `Bearer ${system.token({ tenantId: '901' })}` })
  const message = { businessType: 'ORDER', businessData: JSON.stringify({ orderNo: 'rpc', userId: 'u' }) }
  const answer = await client.sendMessage({ messageId: 'rpc-1', ...message })
  expect(answer).toMatchObject({ success: true, messageId: 'rpc-1' })
})

test('an event of the inbox comes while the stream is open', async () => {
  const call = caller('902')
  await createConfig(call, 'LOCAL')
  await createTemplate(call, 'ORDER', 'LOCAL')
  const token = system.token({ tenantId: '902', sub: 'u2', roles: ['inbox'] })
  const stream = await openEventStream(`${nginx.url}/api/inbox/stream?userId=u2`, { authorization: `Bearer ${token}` })
  await call('POST', '/api/messages', { businessType: 'ORDER', businessData: { orderNo: 'live', userId: 'u2' } })
  await until('the event', () => stream.events.length === 1)
  stream.close()
})

test('a batch of some megabytes passes; what no API takes is refused in the API’s own form, before it is read', async () => {
  const call = caller('901')
  const data = 'x'.repeat(60_000)
  const batch = Array.from({ length: 100 }, (_, n) => ({
    messageId: `big-${n}`,
    businessType: 'ORDER',
    businessData: { orderNo: n, userId: 'u', data },
  }))
  expect(await call('POST', '/api/messages/batch', batch)).toMatchObject({ status: 202, body: { successCount: 100 } })

  const outgoing = plainRequest(`${nginx.url}/api/messages/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': 18 * 1024 * 1024 },
  })
  outgoing.flushHeaders()
  const [response] = await once(outgoing, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  outgoing.destroy()
  expect(response.statusCode).toBe(413)
  expect(JSON.parse(text)).toMatchObject({
    success: false,
    errorCode: 'PAYLOAD_TOO_LARGE',
    requestId: expect.any(String),
  })
})

test('TLS 1.2 and later, with the same answers', async () => {
  const outgoing = request(`${nginx.tlsUrl}/health/ready`, { ca: certificate.cert, servername: 'localhost' }).end()
  const [response] = await once(outgoing, 'response')
  expect(response.statusCode).toBe(200)
  expect(response.headers['strict-transport-security']).toMatch(/max-age/)
  response.resume()
  const session = connect(nginx.tlsUrl, { ca: certificate.cert, servername: 'localhost' })
  const stream = session.request({ ':path': '/health/ready' })
  const [headers] = await once(stream, 'response')
  expect(headers[':status']).toBe(200)
  session.destroy()
})

test('metrics are for whoever stands inside', async () => {
  expect((await fetch(`${nginx.url}/metrics`)).status).toBe(404)
})

test('nobody can claim another address; a request id is handed on, and one that does not fit is replaced', async () => {
  const seen: IncomingHttpHeaders[] = []
  const echo: Server = createServer((incoming, answer) => {
    seen.push(incoming.headers)
    answer.end('{}')
  })
  await once(echo.listen(0, '127.0.0.1'), 'listening')
  const address = `127.0.0.1:${(echo.address() as AddressInfo).port}`
  nginx.ask(noCanary([address], [address]))
  try {
    const lie = { 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https', 'x-request-id': 'given-1' }
    await until('the echo', async () => {
      await fetch(nginx.url, { headers: lie })
      return seen.length > 0
    })
    expect(seen.at(-1)).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-request-id': 'given-1',
    })
    await fetch(nginx.url, { headers: { 'x-request-id': randomBytes(60).toString('hex') } })
    expect(seen.at(-1)?.['x-request-id']).toMatch(/^[0-9a-f]{32}$/)
  } finally {
    nginx.ask(servers())
    // What worked by the configuration before goes on for a moment, and the echo has an answer to everything.
    await until('the API alone again', async () => {
      const before = seen.length
      for (let n = 0; n < 20; n++) await fetch(`${nginx.url}/health/ready`, { headers: { connection: 'close' } })
      return seen.length === before
    })
    echo.close()
    echo.closeAllConnections()
  }
})

test('an API process that is killed is missed by nobody; without any, the answer is 503 and when to come again', async () => {
  const call = caller('901')
  const message = (id: string) => ({ messageId: id, businessType: 'ORDER', businessData: { orderNo: id, userId: 'u' } })
  await system.apis[0]?.stop('SIGKILL')
  for (let n = 0; n < 20; n++) {
    expect(await call('POST', '/api/messages', message(`one-away-${n}`))).toMatchObject({ status: 202 })
  }
  await system.apis[1]?.stop('SIGKILL')
  const answer = await call('POST', '/api/messages', message('all-away'))
  expect(answer).toMatchObject({ status: 503, body: { success: false, errorCode: 'UNAVAILABLE' } })
  expect(answer.headers.get('retry-after')).toBe('1')
})
