import { expect, test } from 'vitest'
import type { ChannelAdapter, SendOutcome } from './adapter.ts'
import { sendTest } from './test-send.ts'

const circular: { self?: unknown } = {}
circular.self = circular

/** A module from outside: nothing checks what it returns. */
const sendBy = (returned: unknown) => {
  const adapter: ChannelAdapter = {
    type: 'PAGER',
    displayName: 'Pager',
    configSchema: { type: 'object' },
    secretFields: [],
    messageTypes: ['TEXT'],
    rateLimit: { count: 1, window: 1, unit: 'SECOND' },
    maxBytes: 100,
    send: async () => returned as SendOutcome,
  }
  return sendTest({
    adapter,
    settings: {},
    secrets: ['the-secret'],
    tenantId: '1',
    input: { messageType: 'TEXT', content: 'hello' },
    fetch: async () => new Response(),
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    timeoutMs: 1000,
    stopping: new AbortController().signal,
  })
}

test.each([
  ['nothing', undefined, null],
  ['no answer', {}, null],
  ['a text', { response: 'ok, the-secret' }, 'ok, ******'],
  ['a number', { response: 200 }, '200'],
  ['an object', { response: { ok: true } }, '{"ok":true}'],
  ['what JSON has no words for', { response: { count: 10n } }, '{ count: 10n }'],
  ['a circle', { response: circular }, expect.stringContaining('Circular')],
])('a test that was sent is a success whatever the adapter returns: %s', async (_, returned, thirdPartyResponse) => {
  expect(await sendBy(returned)).toEqual({ success: true, thirdPartyResponse, durationMs: expect.any(Number) })
})
