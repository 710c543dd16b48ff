import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSettings } from '@message-center/core/configs/channel-config-secrets.ts'
import type { ChannelConfig } from '@message-center/core/contracts/channel-configs.ts'
import type { ErrorBody } from '@message-center/core/contracts/errors.ts'
import type { Page } from '@message-center/core/contracts/pages.ts'
import { createCipher } from '@message-center/core/secrets/cipher.ts'
import { readEnv } from '@message-center/core/settings/env.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import type { RowDataPacket } from 'mysql2'
import type { Static } from 'typebox'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

let api: RunningApi
let call: ApiCaller
const folder = mkdtempSync(join(tmpdir(), 'stored-configs-'))
/** An adapter from outside, whose settings say where its secret goes. */
const HOOK = `export default {
  type: 'HOOK', displayName: 'Hook', secretFields: ['token'], messageTypes: ['TEXT'], configSchema: { type: 'object' },
  rateLimit: { count: 1, window: 1, unit: 'SECOND' }, async send() { return { response: 'ok' } },
}`

beforeAll(async () => {
  writeFileSync(join(folder, 'hook.mjs'), HOOK)
  const urls = { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') }
  api = await startApiHere(urls, { CHANNEL_ADAPTERS: join(folder, 'hook.mjs') })
  call = api.caller()
})
afterAll(async () => {
  await api.stop()
  rmSync(folder, { recursive: true })
})

const robot = (secret: string, name = 'robot') => ({
  channelType: 'DINGTALK',
  channelName: name,
  configJson: { mode: 'robot', accessToken: `token-${secret}`, secret: `SEC${secret}` },
})

async function create(body: object): Promise<string> {
  const { status, body: answer } = await call<ChannelConfig>('POST', '/api/channel-configs', body)
  expect([status, answer]).toEqual([201, expect.objectContaining({ id: expect.stringMatching(/^\d+$/) })])
  return answer.id
}

async function sealedOf(id: string): Promise<string> {
  const [rows] = await api.pool.query<RowDataPacket[]>('SELECT config_json FROM msg_channel_config WHERE id = ?', [id])
  return String(rows[0]?.config_json)
}

test('secrets lie sealed in the database and are masked in every answer', async () => {
  const id = await create(robot('hunter2'))
  const sealed = await sealedOf(id)
  expect(sealed).toMatch(/^v1\.test\.[A-Za-z0-9_-]+$/)
  expect(Buffer.from(sealed.split('.')[2] ?? '', 'base64url').includes('hunter2')).toBe(false)
  const masked = { mode: 'robot', accessToken: '******', secret: '******' }
  const one = await call<ChannelConfig>('GET', `/api/channel-configs/${id}`)
  const list = await call<Page<ChannelConfig>>('GET', '/api/channel-configs')
  const replaced = await call<ChannelConfig>('PUT', `/api/channel-configs/${id}`, robot('hunter3'))
  for (const { configJson } of [one.body, replaced.body, ...list.body.items]) expect(configJson).toEqual(masked)
})

test('what a client read and sends back keeps the secrets; a mask without a stored secret is refused', async () => {
  const id = await create(robot('kept'))
  const { configJson } = (await call<ChannelConfig>('GET', `/api/channel-configs/${id}`)).body
  expect(
    (await call('PUT', `/api/channel-configs/${id}`, { ...robot(''), channelName: 'renamed', configJson })).status,
  ).toBe(200)
  const row = { id, tenantId: '1', configJson: await sealedOf(id) }
  expect(openSettings(createCipher(readEnv(api.environment.variables).encryptionKeys), row)).toEqual(
    robot('kept').configJson,
  )
  expect((await call('POST', '/api/channel-configs', { ...robot(''), configJson })).status).toBe(400)
})

test('a secret that is kept by its mask goes nowhere else than before: beside another address or mode it has to be given anew', async () => {
  const token = 'token-that-admins-cannot-read'
  const home = { mode: 'bot', host: 'hooks.example.com', room: 'a', limits: { burst: 1 }, token }
  const id = await create({ channelType: 'HOOK', channelName: 'hook', configJson: home })
  const put = async (change: object) => {
    const configJson = { ...home, token: '******', ...change }
    const body = { channelType: 'HOOK', channelName: 'hook', configJson }
    return call<Static<typeof ErrorBody>>('PUT', `/api/channel-configs/${id}`, body)
  }
  const moves = [
    { host: 'evil.example' },
    { host: undefined },
    { host: ['evil.example'] },
    { proxy: 'http://evil.example' },
    { proxy: { address: 'evil.example' } },
    { mode: 'other' },
  ]
  for (const move of moves) {
    const { status, body } = await put(move)
    expect([move, status, body.details?.[0]?.path]).toEqual([move, 400, 'configJson.token'])
  }
  expect((await put({ room: 'b', limits: { burst: 2 } })).status).toBe(200)
  expect((await put({ host: 'elsewhere.example', token: 'another-token' })).status).toBe(200)
})

test('a sealed value moved to another row or tenant opens nothing', async () => {
  const [mine, other] = [await create(robot('mine')), await create(robot('other'))]
  const theirs = await api.caller({ tenantId: '2' })<ChannelConfig>('POST', '/api/channel-configs', robot('theirs'))
  const sealed = await sealedOf(mine)
  for (const id of [other, theirs.body.id])
    await api.pool.query('UPDATE msg_channel_config SET config_json = ? WHERE id = ?', [sealed, id])
  for (const answer of [
    await call<ChannelConfig>('GET', `/api/channel-configs/${other}`),
    await api.caller({ tenantId: '2' })<ChannelConfig>('GET', `/api/channel-configs/${theirs.body.id}`),
  ]) {
    expect([answer.status, JSON.stringify(answer.body).includes('token-mine')]).toEqual([500, false])
  }
  expect((await call('GET', `/api/channel-configs/${mine}`)).status).toBe(200)
})

test.each<[string, string, object]>([
  ['a channel that is not known', 'channelType', { channelType: 'SMOKE_SIGNAL' }],
  ['a name that is too long', 'channelName', { channelName: 'x'.repeat(65) }],
  ['settings of another channel', 'configJson', { channelType: 'WECHAT_WORK' }],
  ['settings that are no object', 'configJson', { configJson: '[]' }],
  ['settings that are no JSON', 'configJson', { configJson: '{' }],
  ['an unknown setting', 'configJson', { configJson: { mode: 'robot', accessToken: 'x', nope: 1 } }],
  [
    'a webhook elsewhere',
    'configJson',
    { configJson: { mode: 'robot', webhook: 'http://169.254.169.254/latest/meta-data' } },
  ],
  ['an hour that does not exist', 'timeWindowEndHour', { timeWindowEndHour: 24 }],
  ['a unit that does not exist', 'rateLimitUnit', { rateLimitUnit: 'WEEK' }],
  ['a limit of nothing', 'rateLimitCount', { rateLimitCount: 0 }],
  ['a flag that is none', 'enabled', { enabled: 'yes' }],
  ['an unknown field', 'nope', { nope: 1 }],
])('a config with %s is refused, naming the field', async (_, field, change) => {
  const { status, body } = await call<Static<typeof ErrorBody>>('POST', '/api/channel-configs', {
    ...robot('x'),
    ...change,
  })
  expect([status, body.errorCode]).toEqual([400, 'VALIDATION_FAILED'])
  expect(body.details[0]?.path.split('.')[0]).toBe(field)
})

test.each<[string, string, object]>([
  [
    'a config with more recipients than its column holds',
    '/api/channel-configs',
    {
      channelType: 'LOCAL',
      channelName: 'x',
      configJson: { recipients: Array.from({ length: 3000 }, (_, index) => `user-${index}-of-a-very-large-company`) },
    },
  ],
  [
    'a template longer than its column holds',
    '/api/templates',
    {
      businessType: 'LONG',
      channelType: 'LOCAL',
      messageType: 'TEXT',
      templateName: 'x',
      templateContent: '消'.repeat(59_000),
    },
  ],
])('%s is refused, not a failure on our side', async (_, path, body) => {
  const { status } = await call('POST', path, body)
  expect([400, 413]).toContain(status)
})

test('flags come as 0 and 1 or booleans, configJson as object or string; defaults are filled in', async () => {
  const { body } = await call('POST', '/api/channel-configs', {
    channelType: 'LOCAL',
    channelName: 'inbox',
    configJson: '{"recipients":["u1"]}',
    enabled: 0,
    timeWindowEnabled: 1,
    storeId: 7,
  })
  expect(body).toMatchObject({
    tenantId: '1',
    storeId: '7',
    configJson: { recipients: ['u1'] },
    enabled: false,
    timeWindowEnabled: true,
    priority: 1,
    timeWindowStartHour: 0,
    timeWindowEndHour: 23,
    timeWindowPolicy: 'REJECT',
    overflowPolicy: 'REJECT',
    monthlyQuota: null,
    unknownOutcomePolicy: 'RESEND',
    retry: null,
  })
})

test('a system config: default, over it the platform’s, over it the tenant’s own; each can be taken back', async () => {
  const platform = api.caller({ tenantId: '0', roles: ['platform'] })
  const path = '/api/system-configs/retryMax'
  const seen = async () => (await call('GET', path)).body
  expect(await seen()).toMatchObject({ key: 'retryMax', value: 3, defaultValue: 3, source: 'default' })
  expect((await platform('PUT', path, { value: 5 })).status).toBe(200)
  expect(await seen()).toMatchObject({ value: 5, source: 'platform' })
  expect((await call('PUT', path, { value: 0 })).body).toMatchObject({ value: 0, source: 'tenant' })
  expect((await api.caller({ tenantId: '2' })('GET', path)).body).toMatchObject({ value: 5, source: 'platform' })
  expect((await call('DELETE', path)).body).toMatchObject({ value: 5, source: 'platform' })
  expect((await platform('DELETE', path)).status).toBe(200)
  expect(await seen()).toMatchObject({ value: 3, source: 'default' })
  for (const value of [-1, 101, 1.5, '3', null, [], {}])
    expect([value, (await call('PUT', path, { value })).status]).toEqual([value, 400])
  expect((await call('PUT', path, {})).status).toBe(400)
  for (const key of ['nope', 'constructor', '__proto__'])
    expect((await call('PUT', `/api/system-configs/${key}`, { value: 1 })).status).toBe(404)
  expect((await call('PUT', '/api/system-configs/logLevel', { value: 'debug' })).status).toBe(403)
})
