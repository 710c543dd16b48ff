import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NewCallbackSecret } from '@message-center/core/contracts/callbacks.ts'
import type { ChannelConfig } from '@message-center/core/contracts/channel-configs.ts'
import type { NewClient } from '@message-center/core/contracts/clients.ts'
import type { MessageDetail } from '@message-center/core/contracts/messages.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { redisTexts, type StoredText, tableTexts } from '@message-center/devkit/testing/stored-text.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

/** Each secret that the system gets to know, by where it comes from. */
const SECRETS = Object.fromEntries(
  [
    'dingtalkToken',
    'dingtalkSecret',
    'changedSecret',
    'webhookToken',
    'wecomKey',
    'wecomWebhookKey',
    'appSecret',
    'corpSecret',
    'outsideToken',
    'outsidePath',
    'refused',
    'metricsToken',
    'opsPassword',
  ].map((name) => [name, `${name}-${randomBytes(9).toString('hex')}`]),
) as Record<string, string>
const s = (name: string) => SECRETS[name] ?? ''

/** An adapter that blurts out what it was given, in every way that an adapter has. */
const ADAPTER = `export default {
  type: 'BLABBER', displayName: 'Blabber', secretFields: ['token', 'webhook'], messageTypes: ['TEXT'],
  configSchema: { type: 'object', properties: { token: { type: 'string' }, webhook: { type: 'string' } } },
  rateLimit: { count: 1000, window: 1, unit: 'SECOND' },
  async send({ config, content }, { logger, fetch }) {
    logger.warn({ token: config.token, nested: { deep: { token: config.token } } }, 'calling https://x/?access_token=' + config.token)
    if (content.includes('invalid url')) await fetch('http://' + config.webhook + ' with spaces')
    if (content.includes('throw')) throw Object.assign(new Error('cannot call ' + config.webhook + ' with ' + config.token),
      { errorClass: 'PERMANENT', code: 'E-' + config.token, response: 'you sent ' + config.token })
    return { response: { echo: config }, detail: 'sent with ' + config.token }
  },
}`

let folder: string
let system: TestSystem
let call: ApiCaller

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'secrets-'))
  writeFileSync(join(folder, 'blabber.mjs'), ADAPTER)
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: inject('redisUrl'),
    variables: {
      LOG_LEVEL: 'trace',
      CHANNEL_ADAPTERS: join(folder, 'blabber.mjs'),
      METRICS_TOKEN: s('metricsToken'),
      OPS_USER: 'ops',
      OPS_PASSWORD: s('opsPassword'),
      // Nobody answers there.
      WECHAT_WORK_BASE_URL: 'http://127.0.0.1:1',
      CALLBACK_ALLOW_CIDRS: '127.0.0.1',
    },
  })
  call = system.caller()
})
afterAll(async () => {
  await system.stop()
  rmSync(folder, { recursive: true })
})

/** Answers that the API gave, for the search. */
const answers: string[] = []

async function ask(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
  const answer = await call(method, path, body, headers)
  answers.push(`${method} ${path} ${answer.status} ${JSON.stringify(answer.body)}`)
  return answer
}

async function makeConfigs(): Promise<ChannelConfig[]> {
  const robot = { mode: 'robot', accessToken: s('dingtalkToken'), secret: s('dingtalkSecret') }
  const webhook = `${system.sandbox.url}/dingtalk/robot/send?access_token=${s('webhookToken')}`
  const wecom = `http://127.0.0.1:1/cgi-bin/webhook/send?key=${s('wecomWebhookKey')}`
  return [
    await createConfig(call, 'DINGTALK', { configJson: robot }),
    await createConfig(call, 'DINGTALK', { configJson: { mode: 'robot', webhook }, storeId: '1' }),
    await createConfig(call, 'DINGTALK', {
      configJson: { mode: 'app', appKey: 'key', appSecret: s('appSecret'), agentId: '1' },
      storeId: '2',
    }),
    await createConfig(call, 'WECHAT_WORK', { configJson: { mode: 'robot', key: s('wecomKey') }, retry: null }),
    await createConfig(call, 'WECHAT_WORK', { configJson: { mode: 'robot', webhook: wecom }, storeId: '1' }),
    await createConfig(call, 'WECHAT_WORK', {
      configJson: { mode: 'app', corpId: 'corp', corpSecret: s('corpSecret'), agentId: '1' },
      storeId: '2',
    }),
    await createConfig(call, 'BLABBER', {
      configJson: { token: s('outsideToken'), webhook: `https://hooks.example.com/services/${s('outsidePath')}` },
    }),
  ]
}

/** Everything that operators do, right and wrong. */
async function manage(configs: ChannelConfig[]): Promise<void> {
  for (const { id, channelType, channelName, configJson } of configs) {
    const path = `/api/channel-configs/${id}`
    await ask('GET', path)
    await ask('PUT', path, { channelType, channelName, configJson: { ...(configJson as object) } })
    for (const content of ['fine', 'throw', 'invalid url'])
      await ask('POST', `${path}/test`, { messageType: 'TEXT', content, to: { userIds: ['u1'] } })
  }
  const wrong = { channelType: 'DINGTALK', channelName: 'wrong' }
  for (const configJson of [
    { mode: 'robot', accessToken: s('refused'), webhook: `https://evil.example/${s('refused')}` },
    { mode: 'robot', accessToken: `${s('refused')} with spaces` },
    { mode: 'app', appKey: 'a', appSecret: s('refused') },
    { mode: s('refused') },
    `{"mode":"robot","accessToken":"${s('refused')}"`,
  ]) {
    const { status } = await ask('POST', '/api/channel-configs', { ...wrong, configJson })
    expect(status).toBe(400)
  }
  await ask('GET', '/api/channel-configs?pageSize=200')
  await ask('GET', '/api/audit-logs?pageSize=200')
}

/** A database that refuses a change: the log tells of the statement that failed. */
async function failInTheDatabase(config: ChannelConfig): Promise<void> {
  await system.pool.query(
    "CREATE TRIGGER refuse BEFORE INSERT ON msg_audit_log FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'",
  )
  const configJson = { mode: 'robot', accessToken: s('dingtalkToken'), secret: s('changedSecret') }
  const body = { channelType: 'DINGTALK', channelName: 'a', configJson }
  expect((await ask('PUT', `/api/channel-configs/${config.id}`, body)).status).toBe(500)
  await system.pool.query('DROP TRIGGER refuse')
  expect((await ask('PUT', `/api/channel-configs/${config.id}`, body)).status).toBe(200)
}

async function sendMessages(): Promise<void> {
  await createTemplate(call, 'TALK', 'DINGTALK', { templateContent: '${text}' })
  await createTemplate(call, 'TALK', 'WECHAT_WORK', { templateContent: '${text}' })
  await createTemplate(call, 'TALK', 'BLABBER', { templateContent: '${text}' })
  await call('PUT', '/api/system-configs/retryMax', { value: 0 })
  // A provider that repeats what it was sent.
  for (const [token, ...others] of [[s('dingtalkToken'), s('dingtalkSecret')], [s('webhookToken')]]) {
    const errmsg = `invalid access_token=${token} or ${token} or ${others.join()}`
    await system.sandbox.client.addFault({
      match: { provider: 'dingtalk', token, contentIncludes: 'throw' },
      fault: { kind: 'errcode', errcode: 310000, errmsg },
    })
  }
  let count = 0
  for (const storeId of [null, '1', '2']) {
    for (const text of ['fine', 'throw', 'invalid url']) {
      const messageId = `talk-${++count}`
      const to = { userIds: ['u1'] }
      await ask('POST', '/api/messages', {
        messageId,
        businessType: 'TALK',
        storeId,
        businessData: { text },
        attributes: { to },
      })
      await finalMessage(call, messageId)
      await ask('GET', `/api/messages/${messageId}`)
      await ask('GET', `/api/messages/${messageId}/trace`)
    }
  }
}

/** Part of a callback's URL: stays with the message, which shows it, and goes nowhere else. */
const URL_TOKEN = `callbackToken-${randomBytes(9).toString('hex')}`

/** @returns the secrets that sign callbacks */
async function callBack(): Promise<string[]> {
  const make = async () => (await call<NewCallbackSecret>('POST', '/api/callback-secret')).body.secret
  const secrets = [await make(), await make()]
  await ask('GET', '/api/callback-secret')
  // Nobody answers there.
  const attributes = { callbackUrl: `http://127.0.0.1:1/${URL_TOKEN}?key=${URL_TOKEN}` }
  const message = { messageId: 'told', businessType: 'TALK', businessData: { text: 'fine' }, attributes }
  expect((await call('POST', '/api/messages', message)).status).toBe(202)
  await until('the callback to be tried', async () => {
    const { body } = await call<MessageDetail>('GET', '/api/messages/told')
    return body.callback?.lastResult === 'no answer: ECONNREFUSED'
  })
  const refused = { ...message, messageId: 'untold', attributes: { callbackUrl: `http://10.0.0.1/${URL_TOKEN}` } }
  expect((await ask('POST', '/api/messages', refused)).status).toBe(400)
  return secrets.map((secret) => secret.replace('whsec_', ''))
}

/** @returns the credentials that were used */
async function logIn(): Promise<string[]> {
  const { body: client } = await call<NewClient>('POST', '/api/clients', { name: 'a', roles: ['sender'] })
  const { clientId, clientSecret } = client
  const { body } = await call<{ token: string }>('POST', '/api/auth/token', { clientId, clientSecret })
  await ask('POST', '/api/auth/token', { clientId, clientSecret: `${clientSecret}x` })
  await ask('GET', `/api/clients/${client.id}`)
  await ask('GET', '/api/messages', undefined, { authorization: `Bearer ${body.token}` })
  await ask('GET', '/api/messages', undefined, { authorization: `Bearer ${body.token}x` })
  const { url } = system.apis[0] ?? { url: '' }
  await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${s('metricsToken')}` } })
  const basic = Buffer.from(`ops:${s('opsPassword')}`).toString('base64')
  const board = await fetch(`${url}/queues/api/queues`, { headers: { authorization: `Basic ${basic}` } })
  answers.push(await board.text())
  return [clientSecret, body.token, basic]
}

async function joined(texts: AsyncIterable<StoredText>): Promise<string> {
  let all = ''
  for await (const { text } of texts) all += `${text}\n`
  return all
}

test('no secret stands in any log line, table, Redis key or answer, whatever was done with it', async () => {
  const configs = await makeConfigs()
  await manage(configs)
  await sendMessages()
  await failInTheDatabase(configs[0] as ChannelConfig)
  const credentials = [...(await logIn()), ...(await callBack())]
  const logs = [...system.apis, ...system.workers].map(({ log }) => readFileSync(log ?? '', 'utf8')).join('\n')
  const places = {
    logs,
    tables: await joined(tableTexts(system.pool)),
    redis: await joined(redisTexts(inject('redisUrl'))),
    answers: answers.join('\n'),
  }

  // What was searched is what happened.
  expect(places.logs).toContain('calling https://x/?access_token=******')
  expect(places.logs).toContain('request failed')
  expect(places.tables).toContain('talk-9')
  expect(places.tables).toContain('sent with ******')
  expect(places.redis).toContain('talk-9')
  expect(places.answers).toContain('cannot call ******')

  expect(places.redis).toContain('"told"')
  for (const place of [places.logs, places.redis, places.answers]) expect(place).not.toContain(URL_TOKEN)

  const { JWT_SECRET = '', CONFIG_ENCRYPTION_KEYS = '' } = system.variables
  const secrets = [
    ...Object.values(SECRETS),
    ...credentials,
    system.token(),
    JWT_SECRET,
    CONFIG_ENCRYPTION_KEYS.split(':')[1] ?? '',
  ]
  const found = Object.entries(places).flatMap(([place, text]) =>
    secrets
      .flatMap((secret) => [
        secret,
        encodeURIComponent(secret),
        Buffer.from(secret).toString('base64').replace(/=+$/, ''),
      ])
      .filter((form) => form.length > 8 && text.includes(form))
      .map(
        (form) =>
          `${place}: ${form} in …${text.slice(Math.max(0, text.indexOf(form) - 300), text.indexOf(form) + 80)}…`,
      ),
  )
  expect(found).toEqual([])
})
