import { request } from 'node:http'
import type { NewClient } from '@message-center/core/contracts/clients.ts'
import { createInboxWriter, type InboxWriter, removeDelivery } from '@message-center/core/inbox/deliveries.ts'
import { EVERYONE } from '@message-center/core/inbox/readers.ts'
import { createAnnouncer } from '@message-center/core/inbox/wake-ups.ts'
import { createFailFastRedis, type RedisConnection, redisServers } from '@message-center/core/queues/redis.ts'
import { readEnv } from '@message-center/core/settings/env.ts'
import { signToken } from '@message-center/devkit/demo/token.ts'
import { createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { openEventStream, type TestStream } from '@message-center/devkit/testing/event-stream.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

let api: RunningApi
let redis: RedisConnection
/** Delivers as the worker does, and wakes the streams. */
let inbox: InboxWriter
/** Delivers, and wakes nobody. */
let silent: InboxWriter
beforeAll(async () => {
  api = await startApiHere({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  const env = readEnv(api.environment.variables)
  redis = createFailFastRedis(env)
  inbox = createInboxWriter(
    api.pool,
    createAnnouncer(env, redis, () => undefined),
  )
  silent = createInboxWriter(api.pool, () => undefined)
})
afterAll(async () => {
  redis.disconnect()
  await api.stop()
})

let tasks = 0
async function deliver(tenantId: string, readers: string[], writer = inbox, content?: string): Promise<string> {
  const taskId = String(++tasks)
  await writer.deliver({
    tenantId,
    messageId: `m${taskId}`,
    taskId,
    readers,
    messageType: 'TEXT',
    title: null,
    content: content ?? taskId,
  })
  return `m${taskId}`
}
const token = (tenantId: string, sub: string) => api.environment.token({ tenantId, sub, roles: ['inbox'] })
const open = (tenantId: string, sub: string, query = '', headers = {}) =>
  openEventStream(`${api.url}/api/inbox/stream?${query}`, {
    authorization: `Bearer ${token(tenantId, sub)}`,
    ...headers,
  })
const messageIds = ({ events }: TestStream) => events.map(({ data }) => JSON.parse(data).messageId)
const came = (stream: TestStream, count: number) => until(`${count} events`, () => stream.events.length >= count)
async function ticketFor(bearer: string, body: object): Promise<string> {
  const answer = await createApiCaller(api.url, bearer)<{ ticket: string }>('POST', '/api/inbox/ticket', body)
  expect(answer.status).toBe(200)
  return answer.body.ticket
}
const statusOf = async (path: string, headers: Record<string, string> = {}): Promise<number> => {
  const response = await fetch(`${api.url}${path}`, { headers })
  await response.body?.cancel()
  return response.status
}

test('what is delivered comes at once, as the item with its id; only to its reader', async () => {
  const [u1, u2, elsewhere] = [await open('20', 'u1'), await open('20', 'u2'), await open('21', 'u1')]
  expect(Object.fromEntries(u1.headers)).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'x-accel-buffering': 'no',
    'cache-control': 'no-store, no-transform',
    'x-content-type-options': 'nosniff',
  })
  const sent = [await deliver('20', ['u1']), await deliver('20', [EVERYONE]), await deliver('20', ['u2', 'u1'])]
  await came(u1, 3)
  await came(u2, 2)
  const { body } = await createApiCaller(api.url, token('20', 'u1'))<{ items: { id: string }[] }>('GET', '/api/inbox')
  expect(u1.events).toEqual(
    body.items.toReversed().map((item) => ({ id: item.id, event: 'message', data: JSON.stringify(item) })),
  )
  expect([messageIds(u1), messageIds(u2), messageIds(elsewhere)]).toEqual([sent, sent.slice(1), []])
  for (const stream of [u1, u2, elsewhere]) stream.close()
})

test('begins with what is new, or after Last-Event-ID; the header is newer than the query', async () => {
  const sent = await Promise.all(
    Array.from({ length: 250 }, (_, n) => deliver('22', [n % 5 === 0 ? EVERYONE : 'u1'], silent)),
  )
  const everything = await open('22', 'u1', 'lastEventId=0')
  await came(everything, 250)
  expect(messageIds(everything)).toEqual(sent)
  const [third, tenth] = [everything.events[2]?.id ?? '', everything.events[9]?.id ?? '']
  const resumed = await open('22', 'u1', `lastEventId=${third}`, { 'last-event-id': tenth })
  const fresh = await open('22', 'u1')
  const next = await deliver('22', ['u1'])
  await came(resumed, 241)
  await came(fresh, 1)
  expect([messageIds(resumed), messageIds(fresh)]).toEqual([[...sent.slice(10), next], [next]])
  for (const stream of [everything, resumed, fresh]) stream.close()
})

test('an id beyond all there is, as after a restored database or a recall, does not keep a stream silent', async () => {
  await deliver('23', ['u1'], silent)
  const ahead = await open('23', 'u1', `lastEventId=${2n ** 63n - 1n}`)
  const next = await deliver('23', ['u1'])
  await came(ahead, 1)
  expect(messageIds(ahead)).toEqual([next])
  await removeDelivery(api.pool, { tenantId: '23', messageId: next, taskId: next.slice(1) })
  const resumed = await open('23', 'u1', `lastEventId=${ahead.events[0]?.id}`)
  const afterRecall = await deliver('23', ['u1'])
  await came(resumed, 1)
  expect(messageIds(resumed)).toEqual([afterRecall])
  ahead.close()
  resumed.close()
})

test('joining and resuming while messages keep coming: each stream has each message once and in order', async () => {
  const sent: string[] = []
  const streams: { stream: TestStream; from: number }[] = []
  let sending = true
  const sender = (async () => {
    while (sending) sent.push(await deliver('24', [sent.length % 4 === 0 ? EVERYONE : 'u1']))
  })()
  for (let n = 0; n < 25; n++) {
    const known = streams.at(-1)?.stream.events.at(-1)
    streams.push({
      stream: await open('24', 'u1', `lastEventId=${known?.id ?? 0}`),
      from: known ? JSON.parse(known.data).messageId : '',
    })
    await until('news', () => sent.length > n * 5)
  }
  sending = false
  await sender
  const last = sent.at(-1)
  for (const { stream, from } of streams) {
    await until('the last message', () => stream.events.at(-1)?.data.includes(`"messageId":"${last}"`))
    expect(messageIds(stream)).toEqual(sent.slice(sent.indexOf(String(from)) + 1))
    stream.close()
  }
})

test('no wake-up at all: the process looks by itself', async () => {
  const stream = await open('25', 'u1')
  const sent = await deliver('25', ['u1'], silent)
  await came(stream, 1)
  expect(messageIds(stream)).toEqual([sent])
  stream.close()
})

test('a ticket opens the stream of its user and tenant, any number of times; nothing else', async () => {
  const viewer = api.environment.token({ tenantId: '26', roles: ['viewer'] })
  const ticket = await ticketFor(viewer, { userId: 'u1' })
  const streams = [
    await openEventStream(`${api.url}/api/inbox/stream?ticket=${ticket}`),
    // A proxy's own credentials, which a browser sends along, do no harm.
    await openEventStream(`${api.url}/api/inbox/stream?ticket=${ticket}&userId=u1`, { authorization: 'Basic eDp5' }),
  ]
  await deliver('26', ['u2'])
  const sent = await deliver('26', ['u1'])
  for (const stream of streams) {
    await came(stream, 1)
    expect(messageIds(stream)).toEqual([sent])
    stream.close()
  }
  expect(await statusOf(`/api/inbox/stream?ticket=${ticket}&userId=u2`)).toBe(403)
  expect(await statusOf(`/api/inbox/stream?ticket=${ticket}&tenantId=27`)).toBe(403)
  expect(await statusOf(`/api/inbox?ticket=${ticket}`)).toBe(401)
  expect(await statusOf('/api/inbox', { authorization: `Bearer ${ticket}` })).toBe(401)
  const tampered = [
    `${ticket.slice(0, -1)}${ticket.endsWith('A') ? 'B' : 'A'}`,
    ticket.slice(1),
    '',
    '*',
    `${ticket}&ticket=${ticket}`,
  ]
  for (const wrong of tampered)
    expect([wrong, await statusOf(`/api/inbox/stream?ticket=${wrong}`)]).toEqual([wrong, 401])
  // A good token does not make a bad ticket good.
  const authorization = `Bearer ${viewer}`
  expect(await statusOf('/api/inbox/stream?userId=u1&ticket=x', { authorization })).toBe(401)
})

test('a ticket lives 60 seconds and no longer, is kept by its hash, and dies with its token', async () => {
  const { JWT_SECRET = '', QUEUE_PREFIX } = api.environment.variables
  const ticket = await ticketFor(token('28', 'u1'), {})
  const found = redisServers(redis).map((server) => server.keys(`${QUEUE_PREFIX}:inbox-ticket:*`))
  const keys = (await Promise.all(found)).flat()
  const lives = await Promise.all(keys.map((key) => redis.pttl(key)))
  expect(lives.length).toBeGreaterThan(0)
  for (const life of lives) expect([life > 0, life <= 60_000]).toEqual([true, true])
  expect(JSON.stringify([keys, await Promise.all(keys.map((key) => redis.get(key)))])).not.toContain(ticket)
  expect(await statusOf(`/api/inbox/stream?ticket=${ticket}`)).toBe(200)
  // As if 60 seconds had passed.
  await Promise.all(keys.map((key) => redis.pexpire(key, 1)))
  await until('the ticket to be over', async () => (await statusOf(`/api/inbox/stream?ticket=${ticket}`)) === 401)
  const short = signToken(JWT_SECRET, { sub: 'u1', tenantId: '28', roles: ['inbox'] }, 2)
  const ofShort = await ticketFor(short, {})
  await until('the token to be over', async () => (await statusOf(`/api/inbox/stream?ticket=${ofShort}`)) === 401)
})

test('a stream ends with its token', async () => {
  const { JWT_SECRET = '' } = api.environment.variables
  const short = signToken(JWT_SECRET, { sub: 'u1', tenantId: '29', roles: ['inbox'] }, 2)
  const ticket = await ticketFor(short, {})
  const authorization = `Bearer ${short}`
  const streams = [
    await openEventStream(`${api.url}/api/inbox/stream`, { authorization }),
    await openEventStream(`${api.url}/api/inbox/stream?ticket=${ticket}`),
  ]
  await Promise.all(streams.map(({ ended }) => ended))
  expect(await statusOf('/api/inbox/stream', { authorization })).toBe(401)
})

test('HEAD is no stream; a bad Last-Event-ID is told', async () => {
  const authorization = `Bearer ${token('30', 'u1')}`
  const head = await fetch(`${api.url}/api/inbox/stream`, { method: 'HEAD', headers: { authorization } })
  expect(head.status).toBe(404)
  for (const wrong of ['abc', '-1', '99999999999999999999', '1 or 1']) {
    const headers = { authorization, 'last-event-id': wrong }
    expect([wrong, await statusOf('/api/inbox/stream', headers)]).toEqual([wrong, 400])
    expect(await statusOf(`/api/inbox/stream?lastEventId=${encodeURIComponent(wrong)}`, { authorization })).toBe(400)
  }
})

/** As /metrics tells. */
async function openStreams(): Promise<number> {
  const text = await (await fetch(`${api.url}/metrics`)).text()
  return Number(/^message_center_inbox_streams (\d+)$/m.exec(text)?.[1])
}

test('a listener that does not read is cut off; the others hear everything', async () => {
  await until('the streams of other tests to be over', async () => (await openStreams()) === 0)
  const { hostname, port } = new URL(api.url)
  const headers = { authorization: `Bearer ${token('31', 'u1')}` }
  // Without a listener for its data, or resume(), the answer is never read.
  const deaf = request({ hostname, port, path: '/api/inbox/stream', headers }, () => undefined)
  deaf.on('error', () => undefined).end()
  const reading = await open('31', 'u1')
  await until('both', async () => (await openStreams()) === 2)
  const sent: string[] = []
  // More than the buffers of two kernels hold, and what a stream may leave unread.
  while ((await openStreams()) === 2) {
    sent.push(await deliver('31', ['u1'], inbox, 'x'.repeat(60_000)))
    await came(reading, sent.length)
  }
  sent.push(await deliver('31', ['u1']))
  await came(reading, sent.length)
  expect(messageIds(reading)).toEqual(sent)
  deaf.destroy()
  reading.close()
})

test('API clients: the stream of a disabled one is opened no more', async () => {
  const admin = api.caller({ tenantId: '32', roles: ['admin'] })
  const { body: client } = await admin<NewClient>('POST', '/api/clients', { name: 'page', roles: ['viewer'] })
  const { clientId, clientSecret } = client
  const logIn = await admin<{ token: string }>('POST', '/api/auth/token', { clientId, clientSecret })
  const ticket = await ticketFor(logIn.body.token, { userId: 'u1' })
  expect(await statusOf(`/api/inbox/stream?ticket=${ticket}`)).toBe(200)
  await admin('PUT', `/api/clients/${client.id}`, { name: 'page', roles: ['viewer'], enabled: false })
  await until('the ticket to be refused', async () => (await statusOf(`/api/inbox/stream?ticket=${ticket}`)) === 401)
})
