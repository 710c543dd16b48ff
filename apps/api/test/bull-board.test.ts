import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { createConfig, finalMessage, setUpAllChannels } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import type { RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { startApiHere } from './running-api.ts'

const urls = { databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') }
const OPS = { OPS_USER: 'ops', OPS_PASSWORD: 'a: password with ünicode' }
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

const folder = mkdtempSync(join(tmpdir(), 'bull-board-'))
const adapter = join(folder, 'pigeon.mjs')
let system: TestSystem
beforeAll(async () => {
  writeFileSync(
    adapter,
    `export default {
      type: 'PIGEON', displayName: '信鸽', secretFields: [], messageTypes: ['TEXT'], configSchema: { type: 'object' },
      rateLimit: { count: 1, window: 1, unit: 'SECOND' }, async send() { return { response: 'coo' } },
    }`,
  )
  system = await startTestSystem({ ...urls, variables: { ...OPS, CHANNEL_ADAPTERS: adapter } })
})
afterAll(async () => {
  await system.stop()
  rmSync(folder, { recursive: true })
})

function board(method: string, path: string, authorization = basic(OPS.OPS_USER, OPS.OPS_PASSWORD), body?: object) {
  const headers = { authorization, ...(body ? { 'content-type': 'application/json' } : {}) }
  return fetch(`${system.apis[0]?.url}/queues${path}`, {
    method,
    headers,
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
}

interface BoardQueue {
  name: string
  displayName: string
  jobs: { id: string; data: Record<string, unknown>; finishedOn?: number }[]
}
async function queue(name: string, status = 'latest'): Promise<BoardQueue> {
  const query = `activeQueue=${encodeURIComponent(name)}&status=${status}&page=1&jobsPerPage=100`
  const { queues } = (await (await board('GET', `/api/queues?${query}`)).json()) as { queues: BoardQueue[] }
  const found = queues.find((each) => each.name === name)
  if (!found) throw new Error(`the board has no queue ${name}`)
  return found
}

test('without OPS_USER and OPS_PASSWORD there is no board', async () => {
  const halves: Record<string, string>[] = [{}, { OPS_USER: 'ops' }, { OPS_PASSWORD: 'x' }]
  for (const half of halves) {
    const api = await startApiHere(urls, half)
    const { status, body } = await createApiCaller(api.url, '')('GET', '/queues')
    await api.stop()
    expect([status, body]).toMatchObject([404, { success: false, errorCode: 'NOT_FOUND' }])
  }
})

test('only user and password together open it, for the page and everything behind it', async () => {
  const wrong = [
    '',
    'Basic',
    basic('ops', ''),
    basic('ops', 'guess'),
    basic('', OPS.OPS_PASSWORD),
    `Bearer ${system.token()}`,
  ]
  for (const path of ['', '/', '/api/queues', '/static/favicon-32x32.png', '/queue/pipeline']) {
    for (const authorization of wrong) {
      const answer = await board('GET', path, authorization)
      expect([path, authorization, answer.status]).toEqual([path, authorization, 401])
      expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /)
      expect(await answer.json()).toMatchObject({ success: false, errorCode: 'UNAUTHORIZED' })
    }
    expect([path, (await board('GET', path)).status]).toEqual([path, 200])
  }
  expect((await board('PUT', '/api/queues/pipeline/pause', basic('ops', 'guess'))).status).toBe(401)
})

test('the page loads nothing from elsewhere, and its policy allows what it does load', async () => {
  const page = await board('GET', '/')
  const html = await page.text()
  expect(html).not.toMatch(/https?:\/\//)
  expect(page.headers.get('content-security-policy')).toContain("default-src 'self'")
  expect(page.headers.get('content-security-policy')).not.toMatch(/script-src[^;]*unsafe/)
  const scripts = [...html.matchAll(/<script([^>]*)>/g)].map(([, attributes = '']) => attributes)
  expect(scripts.filter((attributes) => !/src=|type="application\/json"/.test(attributes))).toEqual([])
  for (const [, path] of html.matchAll(/(?:src|href)="(static[^"]+)"/g))
    expect((await board('GET', `/${path}`)).status).toBe(200)
})

test('every queue is there under a name for people, those of added channels too', async () => {
  const { queues } = (await (await board('GET', '/api/queues')).json()) as { queues: BoardQueue[] }
  expect(queues.map(({ name, displayName }) => [name, displayName])).toEqual([
    ['pipeline', '1 Pipeline'],
    ['channel.DINGTALK', '2 Channel DINGTALK (钉钉)'],
    ['channel.WECHAT_WORK', '2 Channel WECHAT_WORK (企业微信)'],
    ['channel.LOCAL', '2 Channel LOCAL (站内信 (in-app inbox))'],
    ['channel.PIGEON', '2 Channel PIGEON (信鸽)'],
    ['results', '3 Results'],
    ['callbacks', '4 Callbacks'],
    ['scheduled', '5 Scheduled'],
  ])
})

test('jobs are not made, changed or removed by hand; queues can be paused and go on', async () => {
  const forbidden: [string, string, object?][] = [
    ['POST', '/api/queues/channel.LOCAL/add', { name: 'x', data: { taskId: '1' }, options: {} }],
    ['PATCH', '/api/queues/channel.LOCAL/t1-0/update-data', { jobData: {} }],
    ['PUT', '/api/queues/channel.LOCAL/empty'],
    ['PUT', '/api/queues/channel.LOCAL/obliterate', { force: true }],
    ['PUT', '/api/queues/channel.LOCAL/t1-0/clean'],
    ['PUT', '/api/queues/channel.LOCAL/concurrency', { concurrency: 1 }],
  ]
  for (const [method, path, body] of forbidden) {
    expect([path, (await board(method, path, undefined, body)).status]).toEqual([path, 403])
  }
  expect((await board('PUT', '/api/queues/channel.PIGEON/pause')).status).toBe(200)
  expect((await board('PUT', '/api/queues/channel.PIGEON/resume')).status).toBe(200)
})

test('another site that a logged-in browser visits cannot press its buttons', async () => {
  // Whatever is not a GET or a plain POST a browser asks for first, with an Origin and without the password.
  const path = '/api/queues/channel.PIGEON/pause'
  for (const method of ['PUT', 'PATCH']) {
    const answer = await fetch(`${system.apis[0]?.url}/queues${path}`, {
      method: 'OPTIONS',
      headers: { origin: 'https://evil.example', 'access-control-request-method': method },
    })
    expect([answer.status >= 400, answer.headers.get('access-control-allow-origin')]).toEqual([true, null])
  }
  // A plain POST, as a form makes it, needs no asking.
  for (const post of [path, '/api/queues/channel.PIGEON/add', '/api/queues/pause', '/api/metrics/history/purge']) {
    const answer = await fetch(`${system.apis[0]?.url}/queues${post}`, {
      method: 'POST',
      headers: { authorization: basic(OPS.OPS_USER, OPS.OPS_PASSWORD), origin: 'https://evil.example' },
      body: new URLSearchParams({ a: 'b' }),
    })
    expect([post, answer.status >= 400 && answer.status < 500]).toEqual([post, true])
  }
  expect(await queue('channel.PIGEON')).toMatchObject({ isPaused: false })
})

test('retrying by hand what is over sends nothing: neither a success nor a failure goes out again', async () => {
  const call = system.caller()
  await setUpAllChannels(call, 'ORDER')
  const refused = await createConfig(call, 'DINGTALK', {
    storeId: '7',
    configJson: { mode: 'robot', accessToken: 'not-declared' },
  })
  await system.sandbox.client.declareRobot('dingtalk', 'not-declared', { keywords: ['never in the text'] })
  const body = { businessType: 'ORDER', businessData: { orderNo: 'B-1', userId: 'u1' } }
  await call('POST', '/api/messages', { ...body, messageId: 'sent' })
  await call('POST', '/api/messages', { ...body, messageId: 'refused', storeId: '7', targetChannels: ['DINGTALK'] })
  const before = [await finalMessage(call, 'sent'), await finalMessage(call, 'refused')]
  expect(before).toMatchObject([{ status: 'SUCCESS' }, { status: 'FAILED', tasks: [{ channelConfigId: refused.id }] }])
  const arrived = await deliveries()

  for (const name of ['pipeline', 'channel.DINGTALK', 'channel.WECHAT_WORK', 'channel.LOCAL']) {
    const { jobs } = await queue(name)
    expect(jobs.length).toBeGreaterThan(0)
    for (const job of jobs) {
      expect((await board('PUT', `/api/queues/${name}/${job.id}/retry`)).status).toBe(204)
      await until(`job ${job.id} to end again`, async () => {
        const { jobs: now } = await queue(name)
        const finishedOn = now.find(({ id }) => id === job.id)?.finishedOn
        return finishedOn !== undefined && finishedOn !== job.finishedOn
      })
    }
  }
  expect(await deliveries()).toEqual(arrived)
  expect([await finalMessage(call, 'sent'), await finalMessage(call, 'refused')]).toEqual(before)
})

test('a job shows what its message is, and no secret', async () => {
  const { jobs } = await queue('channel.DINGTALK')
  for (const { data } of jobs) {
    expect(data).toMatchObject({
      tenantId: '1',
      messageId: expect.stringMatching(/^(sent|refused)$/),
      channelType: 'DINGTALK',
    })
  }
  expect(JSON.stringify(jobs)).not.toMatch(/test-dingtalk|not-declared|B-1/)
})

/** Everything that ever reached a provider or an inbox. */
async function deliveries() {
  const [inbox] = await system.pool.query<RowDataPacket[]>('SELECT id, message_id FROM msg_inbox ORDER BY id')
  return { counters: await system.sandbox.client.counters(), inbox }
}
