import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BatchSendResult, MessageTrace } from '@message-center/core/contracts/messages.ts'
import { workspaceRoot } from '@message-center/devkit/services/workspace.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import {
  type OtlpReceiver,
  type ReceivedSpan,
  startOtlpReceiver,
} from '@message-center/devkit/testing/otlp-receiver.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

const STEPS = [
  'validation',
  'time-window',
  'channel-router',
  'rate-limit',
  'template-render',
  'channel-dispatch',
  'status-tracking',
]
const OPS = { OPS_USER: 'ops', OPS_PASSWORD: 'a-board-password' }

const logFolder = mkdtempSync(join(tmpdir(), 'traced-logs-'))
let receiver: OtlpReceiver
let system: TestSystem
beforeAll(async () => {
  receiver = await startOtlpReceiver()
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: inject('redisUrl'),
    variables: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `${receiver.url}/`,
      OTEL_BSP_SCHEDULE_DELAY: '100',
      LOG_LEVEL: 'info',
      LOG_FILE: join(logFolder, 'mc.log'),
      ...OPS,
    },
  })
})
afterAll(async () => {
  await system.stop()
  await receiver.stop()
  rmSync(logFolder, { recursive: true })
})

let tenants = 700
/** A tenant with a DingTalk robot of its own. */
async function newTenant() {
  const tenantId = String(tenants++)
  const token = `robot-token-${tenantId}`
  const call = system.caller({ tenantId })
  await createTemplate(call, 'ORDER', 'DINGTALK')
  await createConfig(call, 'DINGTALK', {
    configJson: { mode: 'robot', accessToken: token },
    retry: { max: 3, initialDelayMs: 50 },
  })
  const trace = async (messageId: string) => (await call<MessageTrace>('GET', `/api/messages/${messageId}/trace`)).body
  return { tenantId, token, call, trace }
}

const order = (messageId: string, fields: object = {}) => ({
  messageId,
  businessType: 'ORDER',
  businessData: { orderNo: messageId },
  ...fields,
})
/** A caller's own span, W3C. */
const CALLER = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' }

const named = (spans: ReceivedSpan[], name: string) => spans.filter((span) => span.name === name)
const only = (spans: ReceivedSpan[], name: string): ReceivedSpan => {
  const [span, ...more] = named(spans, name)
  if (!span || more.length > 0) throw new Error(`${more.length + 1} spans are named ${name}`)
  return span
}
const has =
  (...names: string[]) =>
  (spans: ReceivedSpan[]) =>
    names.every((name) => named(spans, name).length > 0)

test('one trace goes from the call through both processes to the provider, and continues the caller’s', async () => {
  const { tenantId, token } = await newTenant()
  const response = await fetch(`${system.apis[0]?.url}/api/messages`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${system.token({ tenantId })}`,
      'content-type': 'application/json',
      traceparent: `00-${CALLER.traceId}-${CALLER.spanId}-01`,
    },
    body: JSON.stringify(order('traced-1')),
  })
  expect(response.status).toBe(202)
  const spans = await receiver.trace(CALLER.traceId, has('POST /api/messages', 'pipeline', 'deliver DINGTALK'))

  const request = only(spans, 'POST /api/messages')
  expect(request).toMatchObject({ service: 'message-center-api', kind: 'server', parentId: CALLER.spanId })
  const accept = only(spans, 'accept')
  expect(accept).toMatchObject({ service: 'message-center-api', kind: 'producer', parentId: request.spanId })
  const pipeline = only(spans, 'pipeline')
  expect(pipeline).toMatchObject({ service: 'message-center-worker', kind: 'consumer', parentId: accept.spanId })
  const steps = spans.filter(({ name }) => STEPS.includes(name)).sort((a, b) => a.start - b.start)
  expect(steps.map(({ name, parentId }) => [name, parentId])).toEqual(STEPS.map((name) => [name, pipeline.spanId]))
  const delivery = only(spans, 'deliver DINGTALK')
  expect(delivery).toMatchObject({ kind: 'consumer', parentId: pipeline.spanId, failed: false })
  const send = only(spans, 'send DINGTALK')
  expect(send).toMatchObject({ parentId: delivery.spanId })
  const http = only(spans, 'POST 127.0.0.1')
  expect(http).toMatchObject({ kind: 'client', parentId: send.spanId })
  expect(http.attributes).toMatchObject({ 'http.response.status_code': '200' })
  for (const span of [accept, pipeline, ...steps, delivery, send]) {
    expect(span.attributes).toMatchObject({
      'message_center.message_id': 'traced-1',
      'message_center.tenant_id': tenantId,
    })
  }
  expect(receiver.bodies.some((body) => body.includes(token))).toBe(false)
})

test('a call whose traceparent says not to record leaves no span, and its message neither', async () => {
  const { tenantId, call, trace } = await newTenant()
  const traceId = 'a'.repeat(32)
  await fetch(`${system.apis[0]?.url}/api/messages`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${system.token({ tenantId })}`,
      'content-type': 'application/json',
      traceparent: `00-${traceId}-${CALLER.spanId}-00`,
    },
    body: JSON.stringify(order('unrecorded')),
  })
  await finalMessage(call, 'unrecorded')
  expect(await trace('unrecorded')).not.toHaveProperty('traceId')
  await call('POST', '/api/messages', order('recorded'))
  const { traceId: recorded = '' } = await trace('recorded')
  await receiver.trace(recorded, has('deliver DINGTALK'))
  expect(receiver.spans.filter((span) => span.traceId === traceId)).toEqual([])
})

test('an attempt that fails and the one that succeeds are in the same trace', async () => {
  const { token, call, trace } = await newTenant()
  await system.sandbox.client.addFault({ fault: { kind: 'http', status: 502 }, times: 1, match: { token } })
  await call('POST', '/api/messages', order('retried'))
  await finalMessage(call, 'retried')
  const { traceId = '' } = await trace('retried')
  const spans = await receiver.trace(traceId, (all) => named(all, 'deliver DINGTALK').length === 2)
  const [first, second] = named(spans, 'deliver DINGTALK').sort((a, b) => a.start - b.start)
  expect([first?.failed, second?.failed]).toEqual([true, false])
  expect(first?.attributes).toMatchObject({ 'message_center.verdict': 'retry' })
  expect(second?.attributes).toMatchObject({ 'message_center.verdict': 'complete' })
  const sends = named(spans, 'send DINGTALK').sort((a, b) => a.start - b.start)
  expect(sends.map(({ parentId, failed }) => [parentId, failed])).toEqual([
    [first?.spanId, true],
    [second?.spanId, false],
  ])
  expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([traceId]))
})

test('each message of a batch has a trace of its own, linked to the request; one that is due later stays in it', async () => {
  const { call, trace } = await newTenant()
  const sendAt = new Date(Date.now() + 1_500).toISOString()
  const { body } = await call<BatchSendResult>('POST', '/api/messages/batch', [
    order('batch-1'),
    order('batch-2', { attributes: { sendAt } }),
  ])
  expect(body).toMatchObject({ successCount: 2 })
  const traceIds = await Promise.all(['batch-1', 'batch-2'].map(async (id) => (await trace(id)).traceId ?? ''))
  const traces = await Promise.all(traceIds.map((id) => receiver.trace(id, has('accept', 'deliver DINGTALK'))))
  const request = await until('the span of the request', () =>
    receiver.spans.find(({ name, traceId }) => name === 'POST /api/messages/batch' && !traceIds.includes(traceId)),
  )
  for (const spans of traces) {
    expect(only(spans, 'accept')).toMatchObject({
      parentId: '',
      links: [{ traceId: request.traceId, spanId: request.spanId }],
    })
    expect(only(spans, 'pipeline').parentId).toBe(only(spans, 'accept').spanId)
  }
  expect(traceIds[0]).not.toBe(traceIds[1])
})

test('from a message id one finds its trace, its log lines and its jobs', async () => {
  const { tenantId, token, call, trace } = await newTenant()
  await system.sandbox.client.addFault({ fault: { kind: 'errcode', errcode: 310000, errmsg: 'no' }, match: { token } })
  await call('POST', '/api/messages', order('findable'))
  await finalMessage(call, 'findable')
  const found = await trace('findable')

  const spans = await receiver.trace(found.traceId ?? '', has('accept', 'deliver DINGTALK'))
  const byId = receiver.spans.filter(({ attributes }) => attributes['message_center.message_id'] === 'findable')
  expect(new Set(byId.map(({ traceId }) => traceId))).toEqual(new Set([found.traceId]))
  expect(only(spans, 'deliver DINGTALK')).toMatchObject({ failed: true })

  const logs = [...system.apis, ...system.workers].map(({ log }) => readFileSync(log ?? '', 'utf8'))
  const lines = logs
    .flatMap((log) => log.split('\n'))
    .filter((line) => line.includes('"findable"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .sort((a, b) => String(a.msg).localeCompare(String(b.msg)))
  expect(lines).toHaveLength(3)
  for (const line of lines) expect(line).toMatchObject({ tenantId, messageId: 'findable', traceId: found.traceId })
  expect(lines).toMatchObject([
    { msg: 'delivery: fail', level: 'warn', reason: expect.stringContaining('CHANNEL_ERROR') },
    { msg: 'message accepted', level: 'info', requestId: expect.any(String), service: 'message-center-api' },
    { msg: 'message finished', level: 'info', status: 'FAILED', service: 'message-center-worker' },
  ])

  const authorization = `Basic ${Buffer.from(`${OPS.OPS_USER}:${OPS.OPS_PASSWORD}`).toString('base64')}`
  const job = async (queue: string, id: string | undefined) => {
    const response = await fetch(`${system.apis[0]?.url}/queues/api/queues/${queue}/${id}`, {
      headers: { authorization },
    })
    return (await response.json()) as { job: { data: object } }
  }
  expect(await job('pipeline', found.jobId)).toMatchObject({
    job: { data: { messages: [['findable', expect.any(String)]] } },
  })
  const [task] = found.tasks
  expect(await job('channel.DINGTALK', task?.jobId)).toMatchObject({
    job: {
      data: { messageId: 'findable', taskId: task?.taskId },
      failedReason: expect.stringContaining('CHANNEL_ERROR'),
    },
  })
})

test('a collector that refuses, or hangs, holds up neither the messages nor the shutdown', async () => {
  const { call, trace } = await newTenant()
  receiver.mode = 'refuse'
  const before = receiver.exports
  await call('POST', '/api/messages', order('refused'))
  expect(await finalMessage(call, 'refused')).toMatchObject({ status: 'SUCCESS' })
  await until('an export to be refused', () => receiver.exports > before)
  const log = () => readFileSync(system.workers[0]?.log ?? '', 'utf8') + readFileSync(system.apis[0]?.log ?? '', 'utf8')
  await until('the log to tell of it', () => log().includes('"msg":"traces: '))

  receiver.mode = 'hang'
  const [worker] = system.workers
  await call('POST', '/api/messages', order('hung'))
  expect(await finalMessage(call, 'hung')).toMatchObject({ status: 'SUCCESS' })
  expect(await worker?.stop()).toMatchObject({ code: 0 })
  const [logFile = ''] = readdirSync(logFolder).filter((name) => /^mc\.worker\..*\.log$/.test(name))
  const written = readFileSync(join(logFolder, logFile), 'utf8')
  expect(written).toBe(readFileSync(worker?.log ?? '', 'utf8'))
  expect(written.trim().split('\n').at(-1)).toContain('"msg":"worker stopped"')

  receiver.mode = 'take'
  const next = await system.startWorker()
  await call('POST', '/api/messages', order('last'))
  await finalMessage(call, 'last')
  expect(await next.stop()).toMatchObject({ code: 0 })
  const { traceId = '' } = await trace('last')
  // What the worker had just done was flushed when it stopped.
  expect(named(receiver.spans, 'deliver DINGTALK').some((span) => span.traceId === traceId)).toBe(true)
})

test('where tracing is off the SDK is not even loaded', () => {
  const script = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ resolve(name, context, next) { loaded.push(name); return next(name, context) } })
    await import('./apps/api/src/app.ts')
    await import('./apps/worker/src/worker.ts')
    const { startTracing } = await import('./packages/core/src/telemetry/start-tracing.ts')
    const sdk = () => loaded.includes('@opentelemetry/sdk-trace')
    const env = { endpoint: 'http://127.0.0.1:1', headers: {}, resourceAttributes: {}, sampler: 'always_off', ratio: 1, exportEveryMs: 1000 }
    const off = [await startTracing(undefined, 'test', console), sdk()]
    await startTracing(env, 'test', console)
    process.stdout.write(JSON.stringify({ off, on: sdk() }))
    process.exit()`
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { cwd: workspaceRoot })
  expect(JSON.parse(String(output))).toEqual({ off: [null, false], on: true })
})
