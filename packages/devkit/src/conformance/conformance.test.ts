import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type ChannelAdapter, ChannelError, type SendInput, type SendTools } from '@message-center/core'
import { describe, expect, test } from 'vitest'
import { type ConformanceFixture, conformanceChecks } from './index.ts'

// A plain adapter that passes, and what each slip in it is caught by.

type Send = (input: SendInput, tools: SendTools, url: string) => ReturnType<ChannelAdapter['send']>

const SECRET = 'plain-secret-0123456789'
const MAX_BYTES = 4000

const post = ({ content, config, recipients, idempotencyKey, messageType }: SendInput, signal: AbortSignal) => {
  const body = { id: idempotencyKey, messageType, content, to: recipients }
  return {
    method: 'POST',
    headers: { authorization: String(config.secret), 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  }
}

const read = async (answer: Response) => {
  const text = await answer.text()
  const fault = { code: `HTTP_${answer.status}`, message: 'refused', response: text }
  if (answer.status === 429) {
    const retryAfterMs = Number(answer.headers.get('retry-after') ?? '60') * 1000
    throw new ChannelError('RATE_LIMITED', { ...fault, retryAfterMs })
  }
  if (!answer.ok) throw new ChannelError(answer.status >= 500 ? 'TRANSIENT' : 'PERMANENT', fault)
  const ok = text.startsWith('{"ok":true')
  if (!ok) throw new ChannelError(text.startsWith('{"ok":false') ? 'PERMANENT' : 'TRANSIENT', fault)
  return { response: JSON.parse(text) }
}

const goodSend: Send = async (input, { fetch, signal }, url) => {
  if (Buffer.byteLength(JSON.stringify(input.content)) > MAX_BYTES)
    throw new ChannelError('PERMANENT', { code: 'CONTENT_TOO_LONG', message: 'too long' })
  return read(await fetch(url, post(input, signal)))
}

const goodSchema = {
  type: 'object',
  required: ['secret'],
  additionalProperties: false,
  properties: { secret: { type: 'string', minLength: 6 } },
}

function fixtureOf(fields: Partial<ChannelAdapter> = {}, send: Send = goodSend): ConformanceFixture {
  return {
    createAdapter: (url) => ({
      type: 'PLAIN',
      displayName: 'Plain',
      configSchema: goodSchema,
      secretFields: ['secret'],
      messageTypes: ['TEXT', 'LINK'],
      rateLimit: { count: 1, window: 1, unit: 'SECOND' },
      payloads: (messageType, content, to) => ({ robot: { messageType, content, to } }),
      send: (input, tools) => send(input, tools, url),
      ...fields,
    }),
    config: () => ({ secret: SECRET }),
    secrets: [SECRET],
    invalidConfigs: () => [{}],
    provider: {
      answer: ({ body }) => (body.length > 2 * MAX_BYTES ? { status: 413, body: '' } : { body: { ok: true } }),
      refusals: [{ answer: { body: { ok: false, why: 'no' } }, errorClass: 'PERMANENT' }],
    },
  }
}

describe('an adapter without a slip passes', () => {
  for (const { title, run } of conformanceChecks(fixtureOf())) test(title, run)
})

const swallowing: Send = (input, tools, url) =>
  goodSend(input, tools, url).catch((error) => {
    throw new ChannelError('PERMANENT', { code: 'ERROR', message: error.message })
  })
const retrying: Send = (input, tools, url) => goodSend(input, tools, url).catch(() => goodSend(input, tools, url))
const trusting: Send = async (input, { fetch, signal }, url) => {
  const answer = await fetch(url, post(input, signal))
  if (!answer.ok) return read(answer)
  return { response: await answer.text() }
}
const deaf: Send = (input, tools, url) => goodSend(input, { ...tools, signal: new AbortController().signal }, url)
const ownFetch: Send = async (input, { signal }, url) => read(await fetch(url, post(input, signal)))
const chatty: Send = (input, tools, url) => {
  tools.logger.info({ config: input.config }, 'sending')
  return goodSend(input, tools, url)
}
const changing: Send = (input, tools, url) => {
  input.config.used = true
  return goodSend(input, tools, url)
}
const unstable: Send = (input, tools, url) => goodSend({ ...input, idempotencyKey: randomUUID() }, tools, url)
const constant: Send = (input, tools, url) => goodSend({ ...input, idempotencyKey: 'mc-key-1' }, tools, url)
const hasty: Send = (input, tools, url) =>
  goodSend(input, tools, url).catch((error) => {
    throw Object.assign(error, { retryAfterMs: 1 })
  })
const lossy: Send = (input, tools, url) =>
  goodSend({ ...input, recipients: { userIds: [], mobiles: [], all: false } }, tools, url)
const boundless: Send = async (input, { fetch, signal }, url) => read(await fetch(url, post(input, signal)))
const wordy: Send = (input, tools, url) =>
  goodSend(input, tools, url).catch((error) => {
    throw new ChannelError(error.errorClass, { code: error.code, message: `${'x'.repeat(600)}${error.message}` })
  })
const telling: Send = (input, tools, url) =>
  goodSend(input, tools, url).then((outcome) => ({ ...outcome, detail: `sent with ${input.config.secret}` }))
let last: SendInput | undefined
const mixing: Send = async (input, tools, url) => {
  last = input
  await delay(1)
  return goodSend(last, tools, url)
}

test.each<[string, RegExp, Partial<ChannelAdapter>, Send]>([
  ['takes any network error for a refusal', /connection lost before the answer/, {}, swallowing],
  ['retries by itself', /HTTP 503/, {}, retrying],
  ['takes HTTP 200 for a success', /HTTP 200 \{"ok":false/, {}, trusting],
  ['takes HTTP 200 for a success', /HTTP 200 with <html>/, {}, trusting],
  ['calls the provider past the given fetch', /through the fetch/, {}, ownFetch],
  ['follows redirects', /redirects/, {}, ownFetch],
  ['logs its config', /shows no credential/, {}, chatty],
  ['puts a secret into an outcome that it does not list', /shows no credential/, { secretFields: [] }, telling],
  ['does not list a secret field', /names every credential/, { secretFields: [] }, goodSend],
  ['changes the config', /sends a TEXT/, {}, changing],
  ['has a new key for each attempt', /says the same in every attempt/, {}, unstable],
  ['has one key for all tasks', /says the same in every attempt/, {}, constant],
  ['does not wait as long as asked', /Retry-After says/, {}, hasty],
  ['loses the recipients without a word', /reaches its recipients/, {}, lossy],
  ['sends what is too long', /of any size/, {}, boundless],
  ['writes novels', /HTTP 500/, {}, wordy],
  ['mixes up two sends', /does not mix/, {}, mixing],
  ['previews something else', /previews/, { payloads: () => ({ robot: { content: 'other' } }) }, goodSend],
  ['previews nothing', /previews/, { payloads: () => ({}) }, goodSend],
  ['takes any config', /refuses a config/, { configSchema: { type: 'object' } }, goodSend],
  ['checks a config only where JSON cannot show it', /OpenAPI/, withCode(), goodSend],
  ['has no name', /describes itself/, { displayName: ' ' }, goodSend],
  ['names a message type that there is not', /describes itself/, { messageTypes: ['VIDEO' as 'TEXT'] }, goodSend],
  ['recalls without a reason', /recall/, { recall: async () => ({ recalled: false }) }, goodSend],
])('an adapter that %s fails "%s"', async (_, title, fields, send) => {
  const checks = conformanceChecks(fixtureOf(fields, send)).filter((check) => title.test(check.title))
  const results = await Promise.allSettled(checks.map(({ run }) => run()))
  const failures = results.filter((result) => result.status === 'rejected')
  expect(failures.length, `${checks.length} checks found`).toBeGreaterThan(0)
})

test('an adapter that does not listen to its signal does not end while the provider is silent', async () => {
  const check = conformanceChecks(fixtureOf({}, deaf)).find(({ title }) => /signal is aborted already/.test(title))
  await assert.rejects(async () => check?.run())
})

/** A refusal that only `checkConfig` knows is fine, but the schema must not be there as code. */
function withCode(): Partial<ChannelAdapter> {
  return { configSchema: { ...goodSchema, toJSON: () => ({ type: 'object' }) } }
}
