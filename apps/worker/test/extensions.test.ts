import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MessageDetail } from '@message-center/core/contracts/messages.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { BETWEEN_HANDLER, EARLY_HANDLER, pigeonAdapter } from './extension-modules.ts'

const folder = mkdtempSync(join(tmpdir(), 'extensions-'))
const path = (name: string) => join(folder, name)
const CALLS = path('calls.jsonl')

let system: TestSystem
let call: ApiCaller
beforeAll(async () => {
  const files = {
    'pigeon.js': pigeonAdapter(CALLS),
    'early.js': EARLY_HANDLER,
    'between.mjs': BETWEEN_HANDLER,
    'package.json': '{"type":"module"}',
    'calls.jsonl': '',
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(path(name), content)
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: inject('redisUrl'),
    variables: {
      CHANNEL_ADAPTERS: path('pigeon.js'),
      MESSAGE_HANDLERS: `${path('between.mjs')}, ${path('early.js')}`,
    },
  })
  call = system.caller()
  await createConfig(call, 'LOCAL')
  await createTemplate(call, 'STEPS', 'LOCAL', { templateContent: 'hello' })
  await createConfig(call, 'PIGEON', { configJson: { key: 'feather' }, retry: { max: 3, initialDelayMs: 50 } })
  await createTemplate(call, 'ACTS', 'PIGEON', { templateContent: 'do ${act}' })
})
afterAll(async () => {
  await system.stop()
  rmSync(folder, { recursive: true })
})

async function send(
  businessType: string,
  businessData: object,
  fields: object = {},
  caller = call,
): Promise<MessageDetail> {
  const { status, body } = await caller<{ messageId: string }>('POST', '/api/messages', {
    businessType,
    businessData,
    ...fields,
  })
  expect(status, JSON.stringify(body)).toBe(202)
  return finalMessage(caller, body.messageId)
}

describe('a handler from outside', () => {
  const step = (data: object) => send('STEPS', { userId: 'u1', ...data }, { targetChannels: ['LOCAL'] })
  const lost = { status: 'FAILED', totalChannels: 1, failedChannels: 1 }

  test('runs at its place among the built-in ones', async () => {
    const { messageId, status } = await step({})
    expect(status).toBe('SUCCESS')
    const { body } = await call<{ steps: { step: string }[] }>('GET', `/api/messages/${messageId}/trace`)
    expect(body.steps.map((entry) => entry.step)).toEqual([
      'accepted',
      'early',
      'validation',
      'time-window',
      'channel-router',
      'rate-limit',
      'between',
      'template-render',
      'channel-dispatch',
      'status-tracking',
    ])
  })

  test('that throws: the message runs again, and the log says why', async () => {
    const { messageId, status } = await step({ between: 'throw' })
    expect(status).toBe('SUCCESS')
    const lines = () => readFileSync(system.workers[0]?.log ?? '', 'utf8').split('\n')
    const line = await until('the line in the log', () =>
      lines().find((each) => each.includes(messageId) && each.includes('a fault')),
    )
    expect(JSON.parse(line)).toMatchObject({ level: 'warn', messageId, err: { message: 'a fault' } })
  })

  test.each([
    [
      'drops a channel',
      { between: 'drop' },
      { ...lost, errorCode: 'NO_RECIPIENT', errorMessage: 'NO_RECIPIENT: the inbox is shut' },
    ],
    ['drops a channel before any built-in step', { early: 'drop' }, { ...lost, errorCode: 'NO_RECIPIENT' }],
    ['drops it with a code of its own', { between: 'own code' }, { ...lost, errorCode: 'DUPLICATE' }],
    [
      'fails the message',
      { between: 'fail' },
      { ...lost, errorCode: 'NO_RECIPIENT', errorMessage: 'NO_RECIPIENT: nobody wants it' },
    ],
    ['fails the message and goes on', { between: 'fail and go on' }, { ...lost, errorCode: 'NO_RECIPIENT' }],
    ['neither goes on nor says why', { between: 'silence' }, { ...lost, errorCode: 'VALIDATION_FAILED' }],
    ['calls next() twice: sent once, by the first call', { between: 'twice' }, { status: 'SUCCESS', totalChannels: 1 }],
    ['calls next() twice without waiting', { between: 'twice, not awaited' }, { status: 'SUCCESS', totalChannels: 1 }],
    ['does not wait for next()', { between: 'not awaited' }, { status: 'SUCCESS', totalChannels: 1 }],
  ])('that %s', async (_title, data, expected) => {
    expect(await step(data)).toMatchObject(expected)
  })

  test('that logs: its lines carry the message and the tenant', async () => {
    const { messageId, tenantId } = await step({ between: 'log' })
    const lines = await until('the line in the log', () => {
      const found = readFileSync(system.workers[0]?.log ?? '', 'utf8')
        .split('\n')
        .filter((line) => line.includes('a word'))
      return found.length > 0 && found.map((line) => JSON.parse(line))
    })
    expect(lines).toMatchObject([
      {
        level: 'warn',
        msg: 'a word from outside',
        between: 'log',
        messageId,
        tenantId,
        service: 'message-center-worker',
      },
    ])
  })

  test('that neither goes on nor says why is named', async () => {
    expect((await step({ between: 'silence' })).errorMessage).toContain("'between'")
  })

  test.each(['drop', 'fail', 'fail and go on'])(
    'that does "%s" after the rate limit: the slot is given back',
    async (between) => {
      const other = system.caller({ tenantId: `9${between.length}${between.charCodeAt(0)}` })
      await createConfig(other, 'LOCAL', { rateLimitCount: 1, rateLimitUnit: 'HOUR' })
      await createTemplate(other, 'STEPS', 'LOCAL', { templateContent: 'hello' })
      expect(await send('STEPS', { userId: 'u1', between }, {}, other)).toMatchObject({ errorCode: 'NO_RECIPIENT' })
      expect(await send('STEPS', { userId: 'u1' }, {}, other)).toMatchObject({ status: 'SUCCESS' })
    },
  )
})

describe('an adapter from outside', () => {
  const act = (name: string) => send('ACTS', { act: name }, { targetChannels: ['PIGEON'] })
  const callsOf = (name: string): { idempotencyKey: string; key: string }[] =>
    readFileSync(CALLS, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter((each) => each.act === name)

  test.each([
    [
      'ok',
      1,
      0,
      { status: 'SUCCESS', resultMessage: 'well done', providerMessageId: 'p-1', thirdPartyResponse: '{"ok":true}' },
    ],
    ['transient', 3, 2, { status: 'SUCCESS' }],
    ['plain', 2, 1, { status: 'SUCCESS' }],
    ['text', 2, 1, { status: 'SUCCESS' }],
    ['limited', 3, 0, { status: 'SUCCESS' }],
    ['token', 2, 0, { status: 'SUCCESS' }],
    ['unknown', 2, 1, { status: 'SUCCESS' }],
    ['expired', 2, 0, { status: 'FAILED', errorCode: 'CHANNEL_ERROR' }],
    ['permanent', 1, 0, { status: 'FAILED', resultMessage: 'CHANNEL_ERROR: E1 as ordered', thirdPartyResponse: 'no' }],
    ['strange', 1, 0, { status: 'FAILED', errorCode: 'CHANNEL_ERROR' }],
    ['nothing', 1, 0, { status: 'SUCCESS', resultMessage: 'ok', thirdPartyResponse: null, providerMessageId: null }],
    ['numbers', 1, 0, { status: 'SUCCESS', resultMessage: 'ok', providerMessageId: '12345' }],
    ['circle', 1, 0, { status: 'SUCCESS', resultMessage: 'ok' }],
  ])('that does "%s" is called %i times, with %i retries', async (name, calls, retryCount, task) => {
    const message = await act(name)
    expect(message.tasks).toMatchObject([{ ...task, retryCount }])
    expect(callsOf(name)).toHaveLength(calls)
    expect(new Set(callsOf(name).map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1)
    expect(callsOf(name)[0]?.key).toBe('feather')
  })

  test('that is missing in the worker: VALIDATION_FAILED for its channel, the others go on', async () => {
    await system.workers[0]?.stop()
    await system.startWorker({ CHANNEL_ADAPTERS: '' })
    const both = await send('STEPS', { userId: 'u1' })
    expect(both).toMatchObject({ status: 'PARTIAL_SUCCESS', errorCode: 'VALIDATION_FAILED', totalChannels: 2 })
    expect(await act('ok')).toMatchObject({
      status: 'FAILED',
      errorCode: 'VALIDATION_FAILED',
      errorMessage: 'VALIDATION_FAILED: no adapter is loaded for PIGEON',
      totalChannels: 1,
    })
  })
})

test.each(['CHANNEL_ADAPTERS', 'MESSAGE_HANDLERS'])(
  '%s: a module that does not load stops the start',
  async (variable) => {
    const start = system.startWorker({ CHANNEL_ADAPTERS: '', MESSAGE_HANDLERS: '', [variable]: path('none.js') })
    await expect(start).rejects.toThrow(new RegExp(`worker: ${variable}: .*none\\.js does not load: Cannot find`))
  },
)
