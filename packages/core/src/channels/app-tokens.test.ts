import { randomUUID } from 'node:crypto'
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { startSandbox } from '../../../devkit/src/sandbox/start.ts'
import { createTestSender, createTestTokens, NOBODY } from './adapter-test-kit.ts'
import { createDingtalkAdapter } from './dingtalk/index.ts'
import { createWechatWorkAdapter } from './wechat-work/index.ts'

// Three processes as the token office sees them: adapters, caches and Redis connections of their own.

let offset = 0
const sandbox = await startSandbox({ now: () => Date.now() + offset })
const cleanups: (() => unknown)[] = []
afterAll(async () => {
  for (const cleanup of cleanups) await cleanup()
  await sandbox.stop()
})
beforeEach(() => sandbox.client.reset())

const MESSAGES = 300
const AT_ONCE = 20
const DEAD_REDIS = 'redis://127.0.0.1:1'
const credentials = { appKey: 'key', appSecret: 'app-secret', corpId: 'corp', corpSecret: 'corp-secret' }

const PROVIDERS = {
  dingtalk: {
    tokenPath: '/v1.0/oauth2/accessToken',
    config: { mode: 'app', appKey: credentials.appKey, appSecret: credentials.appSecret, agentId: 1 },
    adapter: (tokens: ReturnType<typeof createTestTokens>['tokens']) =>
      createDingtalkAdapter({ baseUrl: `${sandbox.url}/dingtalk`, apiBaseUrl: `${sandbox.url}/dingtalk`, tokens }),
  },
  wecom: {
    tokenPath: '/cgi-bin/gettoken',
    config: { mode: 'app', corpId: credentials.corpId, corpSecret: credentials.corpSecret, agentId: 1 },
    adapter: (tokens: ReturnType<typeof createTestTokens>['tokens']) =>
      createWechatWorkAdapter({ baseUrl: `${sandbox.url}/wecom`, tokens }),
  },
}
type Provider = keyof typeof PROVIDERS

async function threeSenders(provider: Provider, redisUrl: string) {
  const keyPrefix = `{token-test-${randomUUID()}}`
  const { adapter, config } = PROVIDERS[provider]
  const senders = []
  for (let index = 0; index < 3; index++) {
    const { tokens, connected, close } = createTestTokens(redisUrl, keyPrefix)
    if (redisUrl !== DEAD_REDIS) await connected()
    const sender = createTestSender(adapter(tokens), config)
    cleanups.push(close, sender.close)
    senders.push(sender)
  }
  return senders
}

/** Sends different messages by all senders in turn; half-way, `interrupt` happens. */
async function sendAll(senders: Awaited<ReturnType<typeof threeSenders>>, interrupt: () => unknown) {
  let next = 0
  async function sendSome(): Promise<void> {
    for (let number = next++; number < MESSAGES; number = next++) {
      if (number === MESSAGES / 2) await interrupt()
      const recipients = { ...NOBODY, userIds: [`u${number}`] }
      await senders[number % senders.length]?.send({ content: `message ${number}`, recipients })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, sendSome))
}

async function fetchesOf(provider: Provider): Promise<number | undefined> {
  const { calls, delivered } = await sandbox.client.counters()
  expect(delivered).toBe(MESSAGES)
  return calls[PROVIDERS[provider].tokenPath]
}

const expire = () => {
  offset += 7_200_000
}

describe.each<Provider>(['dingtalk', 'wecom'])('%s: 300 messages by three processes', (provider) => {
  test('a token that expires in the middle: two fetches, no message lost', async () => {
    await sendAll(await threeSenders(provider, inject('redisUrl')), expire)
    expect(await fetchesOf(provider)).toBe(2)
  })

  test('a token that the provider revokes: likewise', async () => {
    await sendAll(await threeSenders(provider, inject('redisUrl')), () => sandbox.client.revokeTokens(provider))
    expect(await fetchesOf(provider)).toBe(2)
  })

  test('without Redis: two fetches in each process, no message lost', async () => {
    await sendAll(await threeSenders(provider, DEAD_REDIS), expire)
    expect(await fetchesOf(provider)).toBe(6)
  })

  test('a token that is refused for ever: PERMANENT after one renewal', async () => {
    const [sender] = await threeSenders(provider, inject('redisUrl'))
    await sandbox.client.addFault({ match: { path: 'send' }, fault: { kind: 'errcode', errcode: 40014 } })
    const recipients = { ...NOBODY, userIds: ['u1'] }
    await expect(sender?.send({ recipients })).rejects.toMatchObject({ errorClass: 'PERMANENT', code: '40014' })
    const { calls } = await sandbox.client.counters()
    expect(calls[PROVIDERS[provider].tokenPath]).toBe(2)
  })
})

test.each<Provider>(['dingtalk', 'wecom'])(
  '%s: a token that is about to end is refreshed, and sends go on with the next one',
  async (provider) => {
    const [first, second] = await threeSenders(provider, inject('redisUrl'))
    const recipients = { ...NOBODY, userIds: ['u1'] }
    const fetches = async () => (await sandbox.client.counters()).calls[PROVIDERS[provider].tokenPath]
    await first?.send({ recipients })
    expect(await first?.refreshToken(60_000)).toBe(false)
    expect(await first?.refreshToken(7_200_000)).toBe(true)
    expect(await fetches()).toBe(2)
    await second?.send({ recipients })
    expect(await fetches()).toBe(2)
  },
)
