import { conformanceChecks, type Refusal } from '@message-center/devkit/conformance'
import { describe, test } from 'vitest'
import { createFeishuAdapter } from '../src/index.ts'
import { judge } from './fake-feishu.ts'

const TOKEN = '0a1b2c3d-aaaa-bbbb-cccc-0123456789ab'
const SECRET = 'bot-secret-0123456789'
const BOTS = new Map([[TOKEN, { secret: SECRET }]])

const refusal = (code: number, fields: Omit<Refusal, 'answer' | 'code'>, status = 200): Refusal => ({
  answer: { status, body: { code, msg: 'as ordered', data: {} } },
  code: String(code),
  ...fields,
})
const OLD_FORM: Refusal = {
  answer: { body: { StatusCode: 19001, StatusMessage: 'as ordered' } },
  errorClass: 'PERMANENT',
  code: '19001',
}

const checks = conformanceChecks({
  createAdapter: (baseUrl) => createFeishuAdapter({ baseUrl }),
  config: (url) => ({ webhook: `${url}/open-apis/bot/v2/hook/${TOKEN}`, secret: SECRET }),
  secrets: [TOKEN, SECRET],
  invalidConfigs: (url) => [
    {},
    { secret: SECRET },
    { token: TOKEN, webhook: `${url}/open-apis/bot/v2/hook/${TOKEN}` },
    { webhook: `https://evil.example/open-apis/bot/v2/hook/${TOKEN}` },
    { webhook: `https://open.feishu.cn@evil.example/open-apis/bot/v2/hook/${TOKEN}` },
  ],
  recipients: { userIds: ['ou_1', 'ou_2'], mobiles: [], all: false },
  provider: {
    answer: ({ method, url, headers, body }) =>
      judge(BOTS, { method, path: url.pathname, contentType: headers['content-type'] ?? '', body }),
    changesWithTime: ['timestamp', 'sign'],
    refusals: [
      ...[9499, 19001, 19021, 19022, 19024, 77777].map((code) => refusal(code, { errorClass: 'PERMANENT' })),
      refusal(9499, { errorClass: 'PERMANENT' }, 400),
      refusal(11232, { errorClass: 'RATE_LIMITED', retryAfterMs: 10_000 }),
      refusal(99991400, { errorClass: 'RATE_LIMITED', retryAfterMs: 60_000 }, 400),
      OLD_FORM,
    ],
  },
})

describe('FEISHU keeps to what the message center relies on', () => {
  for (const { title, run } of checks) test(title, run)
})
