import { createTestTokens } from '@message-center/core/channels/adapter-test-kit.ts'
import { createDingtalkAdapter } from '@message-center/core/channels/dingtalk/index.ts'
import { createLocalAdapter } from '@message-center/core/channels/local/index.ts'
import { createWechatWorkAdapter } from '@message-center/core/channels/wechat-work/index.ts'
import { afterAll, describe, inject, test } from 'vitest'
import { startSandbox } from '../sandbox/start.ts'
import { createTestDatabase } from '../testing/test-database.ts'
import { type ConformanceFixture, conformanceChecks, forwardTo, type ProviderRequest } from './index.ts'

// The fake provider is the sandbox, which refuses what the providers' documentation does not allow.
const sandbox = await startSandbox()
const { tokens, connected, close } = createTestTokens(inject('redisUrl'))
await connected()
const database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
afterAll(async () => {
  close()
  await sandbox.stop()
  await database.remove()
})

const ADAPTERS = {
  dingtalk: (url: string) => createDingtalkAdapter({ baseUrl: url, apiBaseUrl: url, tokens }),
  wecom: (url: string) => createWechatWorkAdapter({ baseUrl: url, tokens }),
}
const isCallOf = (path: string) => (request: ProviderRequest) => request.url.pathname === path
const errcode = (code: number) => ({ body: { errcode: code, errmsg: 'as ordered' } })
const EVIL_HOST = 'https://oapi.dingtalk.com@evil.example/robot/send?access_token=robot-token-0123456789'

const DINGTALK_ROBOT: ConformanceFixture = {
  createAdapter: ADAPTERS.dingtalk,
  config: () => ({ mode: 'robot', accessToken: 'robot-token-0123456789', secret: 'SEC0123456789abcdef' }),
  secrets: ['robot-token-0123456789', 'SEC0123456789abcdef'],
  invalidConfigs: () => [{}, { mode: 'robot' }, { mode: 'other' }, { mode: 'robot', webhook: EVIL_HOST }],
  provider: {
    answer: forwardTo(`${sandbox.url}/dingtalk`),
    changesWithTime: ['timestamp', 'sign'],
    refusals: [
      { answer: errcode(-1), errorClass: 'TRANSIENT', code: '-1' },
      { answer: errcode(410100), errorClass: 'RATE_LIMITED', code: '410100', retryAfterMs: 600_000 },
      { answer: errcode(400101), errorClass: 'PERMANENT', code: '400101' },
      { answer: errcode(777), errorClass: 'PERMANENT', code: '777' },
    ],
  },
}

const DINGTALK_ROBOT_BY_WEBHOOK: ConformanceFixture = {
  ...DINGTALK_ROBOT,
  config: (url) => ({ mode: 'robot', webhook: `${url}/robot/send?access_token=robot-token-0123456789` }),
  secrets: ['robot-token-0123456789'],
}

const DINGTALK_APP: ConformanceFixture = {
  createAdapter: ADAPTERS.dingtalk,
  config: () => ({ mode: 'app', appKey: 'ding-key', appSecret: 'app-secret-0123456789', agentId: '4711' }),
  secrets: ['app-secret-0123456789'],
  invalidConfigs: () => [
    { mode: 'app', appKey: 'k', agentId: '1' },
    { mode: 'app', appKey: 'k', appSecret: 's' },
  ],
  provider: {
    answer: forwardTo(`${sandbox.url}/dingtalk`),
    isMessage: isCallOf('/topapi/message/corpconversation/asyncsend_v2'),
    payloadOf: ({ body }) => JSON.parse(body).msg,
    refusals: [
      { answer: errcode(-1), errorClass: 'TRANSIENT', code: '-1' },
      { answer: errcode(90018), errorClass: 'RATE_LIMITED', code: '90018', retryAfterMs: 1000 },
      { answer: errcode(40014), errorClass: 'TOKEN_EXPIRED', code: '40014' },
      { answer: errcode(33012), errorClass: 'PERMANENT', code: '33012' },
    ],
  },
}

const WECOM_ROBOT: ConformanceFixture = {
  createAdapter: ADAPTERS.wecom,
  config: () => ({ mode: 'robot', key: 'robot-key-0123456789' }),
  secrets: ['robot-key-0123456789'],
  invalidConfigs: () => [{}, { mode: 'robot' }, { mode: 'robot', webhook: 'https://evil.example/?key=k' }],
  provider: {
    answer: forwardTo(`${sandbox.url}/wecom`),
    refusals: [
      { answer: errcode(-1), errorClass: 'TRANSIENT', code: '-1' },
      { answer: errcode(45009), errorClass: 'RATE_LIMITED', code: '45009', retryAfterMs: 60_000 },
      { answer: errcode(93000), errorClass: 'PERMANENT', code: '93000' },
    ],
  },
}

const WECOM_ROBOT_BY_WEBHOOK: ConformanceFixture = {
  ...WECOM_ROBOT,
  config: (url) => ({ mode: 'robot', webhook: `${url}/cgi-bin/webhook/send?key=robot-key-0123456789` }),
}

const WECOM_APP: ConformanceFixture = {
  createAdapter: ADAPTERS.wecom,
  config: () => ({ mode: 'app', corpId: 'ww-corp', corpSecret: 'corp-secret-0123456789', agentId: 1000002 }),
  secrets: ['corp-secret-0123456789'],
  invalidConfigs: () => [
    { mode: 'app', corpId: 'c', agentId: 1 },
    { mode: 'app', corpId: 'c', corpSecret: 's' },
  ],
  provider: {
    answer: forwardTo(`${sandbox.url}/wecom`),
    isMessage: isCallOf('/cgi-bin/message/send'),
    refusals: [
      { answer: errcode(-1), errorClass: 'TRANSIENT', code: '-1' },
      { answer: errcode(45033), errorClass: 'RATE_LIMITED', code: '45033', retryAfterMs: 2000 },
      { answer: errcode(42001), errorClass: 'TOKEN_EXPIRED', code: '42001' },
      { answer: errcode(82001), errorClass: 'PERMANENT', code: '82001' },
    ],
  },
}

const LOCAL: ConformanceFixture = {
  createAdapter: () => createLocalAdapter({ pool: database.pool }),
  config: () => ({ recipients: ['${userId}'] }),
  secrets: [],
  invalidConfigs: () => [{ recipients: 'u1' }, { recipients: [''] }],
}

describe.each(
  Object.entries({
    'DINGTALK robot': DINGTALK_ROBOT,
    'DINGTALK robot by its webhook': DINGTALK_ROBOT_BY_WEBHOOK,
    'DINGTALK app': DINGTALK_APP,
    'WECHAT_WORK robot': WECOM_ROBOT,
    'WECHAT_WORK robot by its webhook': WECOM_ROBOT_BY_WEBHOOK,
    'WECHAT_WORK app': WECOM_APP,
    LOCAL,
  }),
)('%s', (_, fixture) => {
  for (const { title, run } of conformanceChecks(fixture)) test(title, run)
})
