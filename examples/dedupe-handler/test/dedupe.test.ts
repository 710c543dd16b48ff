import { randomUUID } from 'node:crypto'
import type { CandidateConfig, ChannelPlan, MessageContext, PipelineMessage } from '@message-center/core'
import { freePort } from '@message-center/devkit/services/ports.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { Redis } from 'ioredis'
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { createDedupeHandler } from '../src/dedupe.ts'
import { createSeenContents, type SeenContents } from '../src/seen-contents.ts'
import { readSettings } from '../src/settings.ts'

const MINUTE_MS = 60_000
const opened: SeenContents[] = []
afterAll(() => {
  for (const seen of opened) seen.close()
})

/** Of one worker process; those with the same prefix share what they have seen. */
async function connect(keyPrefix: string, redisUrl = inject('redisUrl')): Promise<SeenContents> {
  const seen = createSeenContents({ redisUrl, keyPrefix })
  opened.push(seen)
  await seen.connected(5000)
  return seen
}

let keyPrefix: string
let seen: SeenContents
beforeEach(async () => {
  keyPrefix = `dedupe-test-${randomUUID()}:`
  seen = await connect(keyPrefix)
})

interface Sent {
  messageId: string
  tenantId: string
  storeId: string | null
  channelType: string
  messageType: 'TEXT' | 'MARKDOWN'
  text: string | null
  userIds: string[]
  attributes: Record<string, unknown>
  /** What happens to the channel behind the handler. */
  later: (context: MessageContext) => void | Promise<void>
}

interface Passed {
  messageId: string
  /** True where the channel came through to the next step. */
  sent: boolean
  drops: string[]
  logged: string[]
}

const CONFIG: CandidateConfig = {
  id: '1',
  tenantId: '1',
  storeId: null,
  channelType: 'LOCAL',
  channelName: 'inbox',
  configJson: '',
  priority: 1,
  rateLimit: { count: 1, windowMs: 1000 },
  timeWindow: null,
  overflowPolicy: 'REJECT',
  monthlyQuota: null,
  unknownOutcomePolicy: 'RESEND',
  retry: { max: null, initialDelayMs: null },
}
const MESSAGE: PipelineMessage = {
  tenantId: '1',
  messageId: 'm',
  createTime: '2026-01-01 00:00:00',
  storeId: null,
  businessType: 'ORDER',
  businessData: {},
  attributes: {},
  targetChannels: null,
  status: 'PENDING',
  priority: 5,
  expiresAt: null,
  acceptedAt: new Date(0),
  changeNumber: 0,
  revision: 0,
  rerunChannels: null,
  traceparent: null,
  interruptions: 0,
  crashes: 0,
}

/** Runs a message with one channel through a handler, as the pipeline does behind `template-render`. */
async function run(fields: Partial<Sent> = {}, handler = newHandler()): Promise<Passed> {
  const given: Sent = {
    messageId: randomUUID(),
    tenantId: '1',
    storeId: null,
    channelType: 'LOCAL',
    messageType: 'TEXT',
    text: 'the same text',
    userIds: ['u1', 'u2'],
    attributes: {},
    later: () => {},
    ...fields,
  }
  const drops: string[] = []
  const logged: string[] = []
  const log = (_fields: object, message: string) => void logged.push(message)
  const channel: ChannelPlan = {
    channelType: given.channelType,
    candidates: [],
    config: { ...CONFIG, storeId: given.storeId },
    notBefore: null,
    messageType: given.messageType,
    renderedContent: given.text,
    recipients: { userIds: given.userIds, mobiles: [], all: false },
  }
  const { tenantId, messageId, attributes } = given
  const context: MessageContext = {
    message: { ...MESSAGE, tenantId, messageId, attributes },
    get channels() {
      return drops.length > 0 ? [] : [channel]
    },
    logger: { debug: log, info: log, warn: log, error: log },
    drop: (channelType, code, text) => void drops.push(`${channelType} ${code} ${text}`),
    fail: () => {},
  }
  let sent = false
  await handler.handle(context, async () => {
    sent = drops.length === 0
    await given.later(context)
  })
  return { messageId: given.messageId, sent, drops, logged }
}

function newHandler(windowMs = 5 * MINUTE_MS, channels: string[] = [], from = seen) {
  return createDedupeHandler(from, { windowMs, channels: new Set(channels) })
}

describe('the same content to the same channel', () => {
  test('is dropped with a reason that names the first message', async () => {
    const first = await run()
    expect(first.sent).toBe(true)
    expect(await run()).toMatchObject({
      sent: false,
      drops: [`LOCAL DUPLICATE message ${first.messageId} said the same here within 5 min`],
    })
  })

  test('is sent once by 20 messages at once in two processes', async () => {
    const handlers = [newHandler(), newHandler(MINUTE_MS, [], await connect(keyPrefix))]
    const runs = await Promise.all(Array.from({ length: 20 }, (_, index) => run({}, handlers[index % 2])))
    expect(runs.filter(({ sent }) => sent)).toHaveLength(1)
  })

  test('is the same whatever the order of its recipients', async () => {
    await run({ userIds: ['u1', 'u2'] })
    expect((await run({ userIds: ['u2', 'u1'] })).sent).toBe(false)
  })

  test('may be sent again when the time is over, which begins with the first and not with the last', async () => {
    const handler = newHandler(300)
    await run({}, handler)
    await until('the content to be forgotten', async () => (await run({}, handler)).sent)
  })

  test('is no duplicate of itself: a job that runs again sends it', async () => {
    const { messageId } = await run()
    await run()
    expect(await run({ messageId })).toMatchObject({ sent: true, drops: [] })
  })
})

test.each<[string, Partial<Sent>]>([
  ['text', { text: 'another text' }],
  ['recipient', { userIds: ['u1', 'u3'] }],
  ['channel', { channelType: 'MAIL' }],
  ['message type', { messageType: 'MARKDOWN' }],
  ['store', { storeId: '7' }],
  ['tenant', { tenantId: '2' }],
])('another %s is no duplicate', async (_, fields) => {
  await run()
  expect((await run(fields)).sent).toBe(true)
})

describe('not looked at', () => {
  test('is a message that says `dedupe: false`, and nobody is its duplicate', async () => {
    const attributes = { dedupe: false }
    await run({ attributes })
    await run({ attributes })
    expect((await run()).sent).toBe(true)
    expect((await run({ attributes })).sent).toBe(true)
  })

  test('are other channels than those of DEDUPE_CHANNELS', async () => {
    const handler = newHandler(MINUTE_MS, ['MAIL'])
    for (const sent of [true, true]) expect((await run({}, handler)).sent).toBe(sent)
    for (const sent of [true, false]) expect((await run({ channelType: 'MAIL' }, handler)).sent).toBe(sent)
  })

  test('is a channel without content', async () => {
    for (const sent of [true, true]) expect((await run({ text: null })).sent).toBe(sent)
  })
})

describe('what was not sent', () => {
  test('because a later step dropped it, is no reason to drop the next', async () => {
    await run({ later: (context) => context.drop('LOCAL', 'CANCELLED', 'by a later step') })
    expect((await run()).sent).toBe(true)
  })

  test('because of a fault of the system, is sent when the job runs again', async () => {
    const messageId = randomUUID()
    const fault = () => Promise.reject(new Error('database away'))
    await expect(run({ messageId, later: fault })).rejects.toThrow('database away')
    expect((await run({ messageId })).sent).toBe(true)
  })

  test('takes nobody else’s note with it', async () => {
    const first = await run()
    const client = new Redis(inject('redisUrl'))
    const [key = ''] = await client.keys(`${keyPrefix}*`)
    await seen.forget(key.slice(keyPrefix.length), 'another message')
    expect(await client.get(key)).toBe(first.messageId)
    await seen.forget(key.slice(keyPrefix.length), first.messageId)
    expect(await client.get(key)).toBeNull()
    client.disconnect()
  })
})

describe('without its Redis', () => {
  test('messages go out, and that is said once', async () => {
    const away = createSeenContents({ redisUrl: `redis://127.0.0.1:${await freePort()}`, keyPrefix })
    opened.push(away)
    const handler = newHandler(MINUTE_MS, [], away)
    const runs = [await run({}, handler), await run({}, handler), await run({}, handler)]
    expect(runs.map(({ sent }) => sent)).toEqual([true, true, true])
    expect(runs.flatMap(({ logged }) => logged)).toEqual(['dedupe: Redis is away, duplicates are let through'])
  })

  test('after a fault it is asked again, and its return is said', async () => {
    let broken = true
    const flaky: SeenContents = {
      ...seen,
      firstSender: (...call) => (broken ? Promise.reject(new Error('reset')) : seen.firstSender(...call)),
    }
    const handler = newHandler(MINUTE_MS, [], flaky)
    await run({}, handler)
    broken = false
    const back = await until('Redis to be asked again', async () => {
      const { logged } = await run({ text: randomUUID() }, handler)
      return logged.length > 0 && logged
    })
    expect(back).toEqual(['dedupe: Redis is back'])
    await run({}, handler)
    expect((await run({}, handler)).sent).toBe(false)
  })
})

describe('the environment', () => {
  const redisUrl = 'redis://127.0.0.1:6379'
  test('needs no more than the Redis that the worker has', () => {
    expect(readSettings({ REDIS_URL: redisUrl })).toEqual({
      redisUrl,
      windowMs: 5 * MINUTE_MS,
      channels: new Set(),
      keyPrefix: 'dedupe:',
    })
  })

  test('may say all of it', () => {
    const variables = {
      REDIS_URL: 'redis://other',
      DEDUPE_REDIS_URL: redisUrl,
      DEDUPE_MINUTES: ' 0.5 ',
      DEDUPE_CHANNELS: 'DINGTALK, LOCAL',
      DEDUPE_KEY_PREFIX: 'seen:',
    }
    expect(readSettings(variables)).toEqual({
      redisUrl,
      windowMs: 30_000,
      channels: new Set(['DINGTALK', 'LOCAL']),
      keyPrefix: 'seen:',
    })
  })

  test.each([
    [{}, 'DEDUPE_REDIS_URL'],
    [{ REDIS_URL: 'http://127.0.0.1' }, 'DEDUPE_REDIS_URL'],
    [{ REDIS_URL: redisUrl, DEDUPE_MINUTES: 'five' }, 'DEDUPE_MINUTES'],
    [{ REDIS_URL: redisUrl, DEDUPE_MINUTES: '0' }, 'DEDUPE_MINUTES'],
    [{ REDIS_URL: redisUrl, DEDUPE_MINUTES: '1441' }, 'DEDUPE_MINUTES'],
  ])('%j: the start names %s', (variables, name) => {
    expect(() => readSettings(variables)).toThrow(name)
  })
})
