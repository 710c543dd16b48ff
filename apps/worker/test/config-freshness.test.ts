import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ChannelConfig } from '@message-center/core/contracts/channel-configs.ts'
import type { Page } from '@message-center/core/contracts/pages.ts'
import type { Template } from '@message-center/core/contracts/templates.ts'
import { type RedisServer, startRedis } from '@message-center/devkit/services/redis.ts'
import { type ApiCaller, createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

/** A guard against hanging on a machine that does much else. */
const LONG_MS = 180_000
let folder: string
let redis: RedisServer
let system: TestSystem
let calls: [ApiCaller, ApiCaller]
let config: ChannelConfig
let template: Template
/** What holds now, by what was changed last. */
let current = { token: '', text: '', retryMax: 0 }
let step = 0

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'freshness-'))
  redis = await startRedis({ dir: folder })
  system = await startTestSystem({ databaseUrl: inject('databaseUrl'), redisUrl: redis.url, apis: 2, workers: 2 })
  const [first, second] = system.apis.map(({ url }) => createApiCaller(url, system.token()))
  if (!first || !second) throw new Error('two APIs were to be started')
  calls = [first, second]
  config = await createConfig(first, 'DINGTALK')
  await createTemplate(first, 'FRESH', 'DINGTALK')
  const { body } = await first<Page<Template>>('GET', '/api/templates')
  template = body.items[0] as Template
  await change(first, 'token')
  await change(first, 'text')
  await change(first, 'retryMax')
})
afterAll(async () => {
  await system.stop()
  await redis.stop()
  rmSync(folder, { recursive: true, force: true })
})

type Kind = keyof typeof current
const KINDS: Kind[] = ['token', 'text', 'retryMax']

/** Changes one thing through an API; what it says is not to be waited for by anybody. */
async function change(call: ApiCaller, kind: Kind): Promise<void> {
  step++
  if (kind === 'token') {
    current = { ...current, token: `robot-${step}` }
    const { channelType, channelName } = config
    const configJson = { mode: 'robot', accessToken: current.token }
    const limit = { rateLimitCount: 100_000, rateLimitWindow: 1 }
    await put(call, `/api/channel-configs/${config.id}`, { channelType, channelName, configJson, ...limit })
  } else if (kind === 'text') {
    current = { ...current, text: `text ${step}` }
    const { businessType, channelType, messageType, templateName } = template
    const templateContent = `${current.text} of \${id}`
    const body = { businessType, channelType, messageType, templateName, templateContent }
    await put(call, `/api/templates/${template.id}`, body)
  } else {
    current = { ...current, retryMax: step % 100 }
    await put(call, '/api/system-configs/retryMax', { value: current.retryMax })
  }
}

async function put(call: ApiCaller, path: string, body: object): Promise<void> {
  const answer = await call('PUT', path, body)
  expect(answer.status, JSON.stringify(answer.body)).toBe(200)
}

/** Posts a message through an API; resolves to a function that waits for it and compares what it used. */
async function post(call: ApiCaller): Promise<() => Promise<void>> {
  const messageId = `fresh-${step}-${Math.random().toString(36).slice(2)}`
  const expected = current
  const sent = await call('POST', '/api/messages', {
    messageId,
    businessType: 'FRESH',
    businessData: { id: messageId },
  })
  expect(sent.status).toBe(202)
  return async () => {
    const { tasks } = await finalMessage(call, messageId)
    const [arrived] = await system.sandbox.client.messages({ contains: messageId })
    expect({ token: arrived?.key, text: tasks[0]?.renderedContent, retryMax: tasks[0]?.maxRetry }).toEqual({
      token: expected.token,
      text: `${expected.text} of ${messageId}`,
      retryMax: expected.retryMax,
    })
  }
}

/** Changes alternate by what and through which API; each is followed at once by a message through the other one. */
async function changeAndSend(count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const [changer, sender] = index % 2 === 0 ? calls : calls.toReversed()
    const kind = KINDS[index % KINDS.length]
    if (!changer || !sender || !kind) throw new Error('nobody to call')
    await change(changer, kind)
    const check = await post(sender)
    await check()
  }
}

async function allReady(): Promise<void> {
  for (const { url } of [...system.apis, ...system.workers]) {
    await until(`${url} to be ready`, async () => {
      const answer = await fetch(`${url}/health/ready`).catch(() => undefined)
      return answer?.ok
    })
  }
}

test(
  'a message posted after the answer of a change uses the new value, whichever process takes it',
  async () => {
    await changeAndSend(100)
  },
  LONG_MS,
)

test('also after Redis was restarted and emptied', async () => {
  await redis.restart()
  await allReady()
  await changeAndSend(12)
  const admin = new Redis(redis.url)
  await admin.flushall()
  await changeAndSend(12)
  admin.disconnect()
})

test('also after the connections of all processes to Redis were cut', async () => {
  const admin = new Redis(redis.url)
  for (const type of ['normal', 'pubsub']) await admin.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes')
  admin.disconnect()
  await allReady()
  await changeAndSend(12)
})

test('a change succeeds while Redis is away, and holds for what was accepted meanwhile', async () => {
  await redis.stop()
  for (const kind of KINDS) await change(calls[0], kind)
  const check = await post(calls[1])
  redis = await startRedis({ dir: folder, port: redis.port })
  await check()
})

test(
  'also where one process routes and another one sends',
  async () => {
    const urls = { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') }
    const split = await startTestSystem({ ...urls, workers: 0 })
    await Promise.all([
      split.startWorker({ WORKER_QUEUES: 'pipeline,scheduled' }),
      split.startWorker({ WORKER_QUEUES: 'DINGTALK' }),
    ])
    const call = split.caller()
    const { id } = await createConfig(call, 'DINGTALK')
    await createTemplate(call, 'SPLIT', 'DINGTALK')
    for (let index = 0; index < 20; index++) {
      const messageId = `split-${index}`
      const token = `robot-${index}-of-split`
      const configJson = { mode: 'robot', accessToken: token }
      const limit = { rateLimitCount: 100_000, rateLimitWindow: 1 }
      await put(call, `/api/channel-configs/${id}`, { channelType: 'DINGTALK', channelName: 'a', configJson, ...limit })
      const message = { messageId, businessType: 'SPLIT', businessData: { orderNo: messageId } }
      await call('POST', '/api/messages', message)
      const [arrived] = await split.sandbox.client.wait({ contains: `SPLIT ${messageId}` })
      expect(arrived?.key).toBe(token)
    }
    await split.stop()
  },
  LONG_MS,
)
