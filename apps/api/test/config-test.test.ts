import type { ChannelConfig, ConfigTest } from '@message-center/core/contracts/channel-configs.ts'
import { type RunningSandbox, startSandbox } from '@message-center/devkit/sandbox/start.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { createConfig } from '@message-center/devkit/testing/demo-tenant.ts'
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

const TOKEN = 'token-that-nobody-sees'
const SEND_TIMEOUT_MS = 400
let sandbox: RunningSandbox
let api: RunningApi
let call: ApiCaller

beforeAll(async () => {
  sandbox = await startSandbox()
  api = await startApiHere(
    { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') },
    {
      DINGTALK_BASE_URL: `${sandbox.url}/dingtalk`,
      DINGTALK_API_BASE_URL: `${sandbox.url}/dingtalk`,
      WECHAT_WORK_BASE_URL: 'http://127.0.0.1:1',
      SEND_TIMEOUT_MS: String(SEND_TIMEOUT_MS),
    },
  )
  call = api.caller()
})
afterEach(() => sandbox.client.clearFaults())
afterAll(async () => {
  await api.stop()
  await sandbox.stop()
})

const dingtalk = () => createConfig(call, 'DINGTALK', { configJson: { mode: 'robot', accessToken: TOKEN } })

async function tested({ id }: ChannelConfig, body: object) {
  return call<ConfigTest & { details?: { path: string }[] }>('POST', `/api/channel-configs/${id}/test`, body)
}

test('sends now, and tells what the provider answered', async () => {
  const config = await dingtalk()
  const { status, body } = await tested(config, { messageType: 'TEXT', content: 'a test of ${nothing}' })
  expect(status).toBe(200)
  expect(body).toEqual({
    success: true,
    thirdPartyResponse: expect.stringContaining('"errcode":0'),
    durationMs: expect.any(Number),
  })
  const [arrived] = await sandbox.client.messages({ token: TOKEN })
  expect(arrived?.payload).toMatchObject({ text: { content: 'a test of ${nothing}' } })
})

test('content of a type is an object or a text that holds it; markdown may be plain', async () => {
  const config = await dingtalk()
  const link = { title: 't', text: 'x', url: 'https://example.com' }
  for (const [messageType, content] of [
    ['LINK', link],
    ['LINK', JSON.stringify(link)],
    ['MARKDOWN', '### plain'],
    ['MARKDOWN', { title: 't', text: '### x' }],
  ] as const) {
    expect((await tested(config, { messageType, content })).body).toMatchObject({ success: true })
  }
})

test('what is not content of its type is a 400, and nothing is sent', async () => {
  const config = await dingtalk()
  const before = (await sandbox.client.messages()).length
  for (const [messageType, content, path] of [
    ['TEXT', { text: 'x' }, 'content'],
    ['LINK', '{"title":"t"}', 'content.text'],
    ['LINK', 'no json', 'content'],
    ['CARD', { title: 't', text: 'x', buttons: [] }, 'content.buttons'],
    ['MARKDOWN', { title: 't' }, 'content.text'],
  ] as const) {
    expect(await tested(config, { messageType, content })).toMatchObject({ status: 400, body: { details: [{ path }] } })
  }
  expect((await sandbox.client.messages()).length).toBe(before)
})

test("a refusal is an answer, with the provider's code and without secrets", async () => {
  const config = await dingtalk()
  const errmsg = `keywords not in content, access_token=${TOKEN}`
  await sandbox.client.addFault({
    match: { provider: 'dingtalk' },
    fault: { kind: 'errcode', errcode: 310000, errmsg },
  })
  const { status, body } = await tested(config, { messageType: 'TEXT', content: 'x' })
  expect([status, body.success, body.providerCode]).toEqual([200, false, '310000'])
  expect(body.detail).toContain('keywords')
  expect(JSON.stringify(body)).not.toContain(TOKEN)
})

test('a provider that hangs, or cannot be reached, is told within SEND_TIMEOUT_MS', async () => {
  const config = await dingtalk()
  await sandbox.client.addFault({ match: { provider: 'dingtalk' }, fault: { kind: 'hang' } })
  const { body } = await tested(config, { messageType: 'TEXT', content: 'x' })
  expect(body).toMatchObject({ success: false, providerCode: 'TIMEOUT', thirdPartyResponse: null })
  const away = await createConfig(call, 'WECHAT_WORK', { configJson: { mode: 'robot', key: TOKEN } })
  const refused = await tested(away, { messageType: 'TEXT', content: 'x' })
  expect(refused.body).toMatchObject({ success: false, providerCode: 'CONNECT_FAILED' })
  expect(JSON.stringify(refused.body)).not.toContain(TOKEN)
})

test('the inbox: to whom has to be said, and two tests do not get in the way of each other', async () => {
  const inbox = await createConfig(call, 'LOCAL')
  const nobody = await tested(inbox, { messageType: 'TEXT', content: 'x' })
  expect(nobody.body).toMatchObject({ success: false, providerCode: 'NO_RECIPIENT' })
  for (const content of ['one', 'two']) {
    const { body } = await tested(inbox, { messageType: 'TEXT', content, to: { userIds: ['u1'] } })
    expect(body).toMatchObject({ success: true })
  }
  const [rows] = await api.pool.query("SELECT content FROM msg_inbox WHERE user_id = 'u1' AND task_id < 0 ORDER BY id")
  expect(rows).toEqual([{ content: 'one' }, { content: 'two' }])
})

test('a config that is not enabled can be tested; one of another tenant is not there', async () => {
  const disabled = await createConfig(call, 'DINGTALK', { enabled: false })
  expect((await tested(disabled, { messageType: 'TEXT', content: 'x' })).body).toMatchObject({ success: true })
  const other = api.caller({ tenantId: '2' })
  const answer = await other('POST', `/api/channel-configs/${disabled.id}/test`, { messageType: 'TEXT', content: 'x' })
  expect(answer.status).toBe(404)
})
